// SPDX-License-Identifier: Apache-2.0
//
// What the host's kernel says of a process (proc(5), /proc/PID/stat).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace moka {

struct ProcessStatistics {
  char state = 0;  // 'T': stopped
  std::uint64_t cpu_milliseconds = 0;
  std::uint64_t resident_bytes = 0;
};

// Nothing where there is no such process.
std::optional<ProcessStatistics> process_statistics(pid_t process);

}  // namespace moka
