// SPDX-License-Identifier: Apache-2.0
//
// The wall clock as file times have it.
#pragma once

#include "io/file.h"
#include "time/clock.h"

namespace mokapot {

inline FileStatus::Time current_file_time() {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t now_ns = wall_clock_nanoseconds();
  return {now_ns / kSecond, static_cast<std::uint32_t>(now_ns % kSecond)};
}

}  // namespace mokapot
