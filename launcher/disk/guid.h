// SPDX-License-Identifier: Apache-2.0
//
// GUIDs of partitions and disks. Ours are made from what they name, so that equal images are equal
// to the byte.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace moka {

struct Guid {
  std::array<std::uint8_t, 16> bytes{};  // in the order in which they are written

  // From at least 32 hexadecimal digits of a digest, shaped as RFC 9562's version 8.
  static Guid from_digest(std::string_view hexadecimal);
  // From "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx".
  static Guid from_text(std::string_view text);
  // As it lies on a disk: the first three fields are little-endian.
  static Guid from_disk(std::string_view bytes);

  std::string text() const;
  std::string disk_bytes() const;
  friend bool operator==(const Guid&, const Guid&) = default;
};

}  // namespace moka
