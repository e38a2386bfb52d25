// SPDX-License-Identifier: Apache-2.0
#include "support/process_statistics.h"

#include <unistd.h>

#include "support/files.h"
#include "support/numbers.h"

namespace moka {

std::optional<ProcessStatistics> process_statistics(pid_t process) {
  constexpr std::size_t kLongest = 65536;
  const Result<std::string> text =
      read_file("/proc/" + std::to_string(process) + "/stat", kLongest);
  if (!text) return std::nullopt;
  // The second field, the command's name in brackets, may hold anything; what follows its last
  // bracket does not.
  const std::size_t name_end = text.value().rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields = split(trim(text.value().substr(name_end + 1)), ' ');
  // Counted from the third field on.
  constexpr std::size_t kState = 0, kUserTicks = 11, kSystemTicks = 12, kResidentPages = 21;
  if (fields.size() <= kResidentPages || fields[kState].empty()) return std::nullopt;
  const auto number = [&fields](std::size_t field) {
    return parse_number<std::uint64_t>(fields[field]).value_or(0);
  };
  ProcessStatistics statistics;
  statistics.state = fields[kState].front();
  statistics.cpu_milliseconds = (number(kUserTicks) + number(kSystemTicks)) * 1000 /
                                static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  statistics.resident_bytes =
      number(kResidentPages) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return statistics;
}

}  // namespace moka
