// SPDX-License-Identifier: Apache-2.0
//
// The runtime layer of a bootable image with only some of a JDK's modules: linked by the JDK's own
// jlink, with a class-data archive, at the JDK's own path.
#pragma once

#include <string>
#include <vector>

#include "image/image_cache.h"
#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

// The path of its image, from the cache where that has it. Blocks, for some seconds where not.
Result<std::string> trimmed_runtime_image(const ImageCache& cache, const Jdk& jdk,
                                          const std::vector<std::string>& modules);

}  // namespace moka
