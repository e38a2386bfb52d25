// SPDX-License-Identifier: Apache-2.0
//
// What takes a while to make and is the same each time, kept in the cache: a file of its own, named by
// what it was made from. One that somebody changed or cut short is noticed and made again. Several
// launchers may do this at once: the file is replaced as a whole, and both write the same.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "image/image_cache.h"
#include "support/result.h"

namespace moka {

// `key` stands for all that `make` depends on. A cache that cannot be written to is no error.
Result<std::string> kept_result(const ImageCache& cache, std::string_view key,
                                const std::function<Result<std::string>()>& make);

}  // namespace moka
