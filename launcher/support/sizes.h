// SPDX-License-Identifier: Apache-2.0
//
// Numbers of bytes for people.
#pragma once

#include <cstdint>
#include <string>

namespace moka {

// "512 bytes", "1.5 KiB", "3.0 GiB"
std::string size_text(std::uint64_t bytes);

}  // namespace moka
