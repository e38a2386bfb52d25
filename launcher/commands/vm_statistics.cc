// SPDX-License-Identifier: Apache-2.0
#include "commands/vm_statistics.h"

#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <system_error>
#include <vector>

#include "support/files.h"
#include "support/numbers.h"
#include "support/process_statistics.h"

namespace moka {
namespace {

constexpr std::size_t kLongestFile = 1u << 20;
constexpr std::size_t kMostProcesses = 64;

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::optional<std::uint64_t> number(std::string_view text) {
  return parse_number<std::uint64_t>(text);
}

// "123K", "4M", "1G", as HotSpot writes them.
std::optional<std::uint64_t> size_in(std::string_view word) {
  while (word.ends_with(',')) word.remove_suffix(1);
  if (word.size() < 2) return std::nullopt;
  const std::string_view units = "KMG";
  const std::size_t unit = units.find(word.back());
  const auto value = number(word.substr(0, word.size() - 1));
  if (unit == std::string_view::npos || !value || *value > (std::uint64_t{1} << 33))
    return std::nullopt;
  return *value << (10 * (unit + 1));
}

}  // namespace

HostUse host_use(pid_t process) {
  HostUse use;
  std::vector<std::string> pending{std::to_string(process)};
  for (std::size_t index = 0; index < pending.size() && index < kMostProcesses; ++index) {
    const std::string folder = "/proc/" + pending[index];
    if (const auto id = parse_number<pid_t>(pending[index])) {
      const ProcessStatistics statistics = process_statistics(*id).value_or(ProcessStatistics());
      use.cpu_milliseconds += statistics.cpu_milliseconds;
      use.resident_bytes += statistics.resident_bytes;
    }
    std::error_code error;
    for (std::filesystem::directory_iterator task(folder + "/task", error), end;
         !error && task != end; task.increment(error))
      if (const auto children = read_file(task->path().string() + "/children", kLongestFile))
        for (std::string& child : words_of(children.value())) pending.push_back(std::move(child));
  }
  return use;
}

std::map<std::string, std::string> proc_files(std::string_view answer) {
  std::map<std::string, std::string> files;
  std::string* file = nullptr;
  for (const std::string& line : split(answer, '\n')) {
    if (line.starts_with("== ")) {
      file = &files[line.substr(3)];
    } else if (file != nullptr) {
      *file += line + "\n";
    }
  }
  return files;
}

std::optional<std::uint64_t> memory_value(std::string_view meminfo, std::string_view name) {
  for (const std::string& line : split(meminfo, '\n')) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() == 3 && words[0] == std::string(name) + ":" && words[2] == "kB")
      if (const auto value = number(words[1])) return *value * 1024;
  }
  return std::nullopt;
}

InterfaceCounters interface_counters(std::string_view net_dev) {
  InterfaceCounters all;
  for (const std::string& line : split(net_dev, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || trim(line.substr(0, colon)) == "lo") continue;
    const std::vector<std::string> fields = words_of(line.substr(colon + 1));
    if (fields.size() < 12) continue;
    const auto at = [&fields](std::size_t index) { return number(fields[index]).value_or(0); };
    all.received_bytes += at(0);
    all.received_packets += at(1);
    all.receive_drops += at(3);
    all.sent_bytes += at(8);
    all.sent_packets += at(9);
    all.send_drops += at(11);
  }
  return all;
}

std::optional<std::uint64_t> netstat_value(std::string_view netstat, std::string_view protocol,
                                           std::string_view column) {
  std::vector<std::string> names;
  for (const std::string& line : split(netstat, '\n')) {
    std::vector<std::string> words = words_of(line);
    if (words.empty() || words[0] != std::string(protocol) + ":") continue;
    if (names.empty()) {
      names = std::move(words);
      continue;
    }
    for (std::size_t index = 1; index < names.size() && index < words.size(); ++index)
      if (names[index] == column) return number(words[index]);
  }
  return std::nullopt;
}

std::optional<HeapUse> heap_use(std::string_view heap_info) {
  HeapUse all;
  bool is_known = false;
  for (const std::string& line : split(heap_info, '\n')) {
    const std::vector<std::string> words = words_of(line);
    if (words.empty() || words[0] == "Metaspace" || words[0] == "class") continue;
    std::optional<std::uint64_t> used, committed;
    // Most collectors write the size behind the word, Shenandoah and Epsilon before it.
    for (std::size_t index = 0; index < words.size(); ++index) {
      std::string_view label = words[index];
      while (label.ends_with(',')) label.remove_suffix(1);
      const bool is_used = label == "used";
      if (!is_used && label != "total" && label != "capacity" && label != "committed") continue;
      // "max capacity" is another thing.
      if (index > 0 && words[index - 1] == "max") continue;
      auto size = index + 1 < words.size() ? size_in(words[index + 1]) : std::nullopt;
      if (index > 0 && size_in(words[index - 1]) && words[index].find(',') != std::string::npos)
        size = size_in(words[index - 1]);
      if (!size && index > 0) size = size_in(words[index - 1]);
      std::optional<std::uint64_t>& value = is_used ? used : committed;
      if (size && !value) value = size;
    }
    if (!used || !committed) continue;
    is_known = true;
    all.used_bytes += *used;
    all.committed_bytes += *committed;
  }
  if (!is_known) return std::nullopt;
  return all;
}

}  // namespace moka
