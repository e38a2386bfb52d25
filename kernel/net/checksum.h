// SPDX-License-Identifier: Apache-2.0
//
// The Internet checksum (RFC 1071), eight bytes at a time. lwIP's own sums use it too. Any context.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mokapot {

// The one's complement sum of 16-bit words as they lie in memory, folded; not complemented. An odd last byte counts
// as a word whose second byte is zero.
std::uint16_t internet_sum(const void* bytes, std::size_t size);

}  // namespace mokapot
