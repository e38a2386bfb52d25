// SPDX-License-Identifier: Apache-2.0
#include "qemu/qemu_version.h"

#include <charconv>

namespace moka {

std::optional<QemuVersion> parse_qemu_version(std::string_view output) {
  constexpr std::string_view kWords = " version ";
  const std::size_t at = output.find(kWords);
  if (at == std::string_view::npos) return std::nullopt;
  const char* const end = output.data() + output.size();
  QemuVersion version;
  const auto [dot, error] =
      std::from_chars(output.data() + at + kWords.size(), end, version.major);
  if (error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  if (std::from_chars(dot + 1, end, version.minor).ec != std::errc()) return std::nullopt;
  if (version < QemuVersion{0, 0}) return std::nullopt;
  return version;
}

}  // namespace moka
