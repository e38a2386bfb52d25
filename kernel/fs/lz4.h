// SPDX-License-Identifier: Apache-2.0
//
// Decompression of LZ4 blocks (the format without frames, as EROFS has it), by the LZ4 library. Whatever the input is,
// nothing outside the two buffers is touched.
//
// Context: any; neither blocks nor allocates, and uses some hundred bytes of stack.
#pragma once

#include <cstddef>
#include <span>

namespace mokapot {

// Whether all of `from` gave exactly the bytes that fill `to`. The two may overlap if `from` ends at least
// lz4_margin(from.size()) bytes behind `to`'s end.
[[nodiscard]] bool lz4_decompress(std::span<const std::byte> from, std::span<std::byte> to);
constexpr std::size_t lz4_margin(std::size_t compressed) { return (compressed >> 8) + 32; }
// The same for the first bytes only of what the block holds: `from` may be cut off behind what they need.
[[nodiscard]] bool lz4_decompress_front(std::span<const std::byte> from, std::span<std::byte> to);

}  // namespace mokapot
