// SPDX-License-Identifier: Apache-2.0
#include "support/sizes.h"

#include <cstdio>
#include <iterator>

namespace moka {

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kUnit = 1024;
  if (bytes < kUnit) return std::to_string(bytes) + " bytes";
  const char* const names[] = {"KiB", "MiB", "GiB", "TiB"};
  std::size_t name = 0;
  double value = static_cast<double>(bytes) / kUnit;
  for (; value >= kUnit && name + 1 < std::size(names); ++name) value /= kUnit;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, names[name]);
  return text;
}

}  // namespace moka
