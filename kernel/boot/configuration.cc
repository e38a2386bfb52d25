// SPDX-License-Identifier: Apache-2.0
#include "boot/configuration.h"

#include "contract/vm_contract.h"

namespace mokapot {
namespace {

bool parse_number(std::string_view& text, unsigned& number) {
  std::size_t digits = 0;
  number = 0;
  while (digits < text.size() && digits < 9 && text[digits] >= '0' && text[digits] <= '9')
    number = number * 10 + static_cast<unsigned>(text[digits++] - '0');
  text.remove_prefix(digits);
  return digits > 0;
}

// "TAG ro|rw PATH"
bool parse_folder(std::string_view text, FolderRecord& folder) {
  const std::size_t first = text.find(' ');
  if (first == std::string_view::npos) return false;
  const std::size_t second = text.find(' ', first + 1);
  if (second == std::string_view::npos) return false;
  const std::string_view access = text.substr(first + 1, second - first - 1);
  folder = {text.substr(0, first), text.substr(second + 1), access == contract::kMountReadOnly};
  if (!folder.read_only && access != contract::kMountReadWrite) return false;
  return !folder.tag.empty() && folder.path.starts_with('/');
}

}  // namespace

Result<Configuration> parse_configuration(std::string_view records) {
  Configuration c;
  bool versioned = false;
  while (!records.empty()) {
    const std::size_t end = records.find('\0');
    if (end == std::string_view::npos) return Errno::kEINVAL;
    const std::string_view record = records.substr(0, end);
    records.remove_prefix(end + 1);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) return Errno::kEINVAL;
    const std::string_view key = record.substr(0, equals);
    std::string_view value = record.substr(equals + 1);
    if (key == contract::kKeyVersion) {
      unsigned version = 0;
      if (!parse_number(value, version) || version != contract::kVersion) return Errno::kEINVAL;
      versioned = true;
    } else if (key == contract::kKeyProgram) c.program = value;
    else if (key == contract::kKeyArgument) TRY(c.arguments.push_back(value));
    else if (key == contract::kKeyArgumentByMemory) {
      MemoryArgument argument{};
      if (!parse_number(value, argument.least_mib) || !value.starts_with(' ')) return Errno::kEINVAL;
      argument.argument = value.substr(1);
      TRY(c.memory_arguments.push_back(argument));
    } else if (key == contract::kKeyEnvironment) TRY(c.environment.push_back(value));
    else if (key == contract::kKeyDirectory) c.directory = value;
    else if (key == contract::kKeyHostname) c.hostname = value;
    else if (key == contract::kKeyArchive) c.archive = value;
    else if (key == contract::kKeyLayer) TRY(c.layers.push_back(value));
    else if (key == contract::kKeyMount) {
      FolderRecord folder{};
      if (!parse_folder(value, folder)) return Errno::kEINVAL;
      TRY(c.folders.push_back(folder));
    } else if (key == contract::kKeyExpose) {
      unsigned port = 0;
      if (!parse_number(value, port) || !value.empty() || port == 0 || port > 0xffff) return Errno::kEINVAL;
      TRY(c.exposed_ports.push_back(static_cast<std::uint16_t>(port)));
    } else if (key == contract::kKeyStdin) c.standard_input = value;
    else if (key == contract::kKeyStdout) c.standard_output = value;
    else if (key == contract::kKeyStderr) c.standard_error = value;
    else if (key == contract::kKeyTermios) c.termios = value;
    else if (key == contract::kKeyWindow) c.window_size = value;
  }
  if (!versioned || c.program.empty()) return Errno::kEINVAL;
  return c;
}

Result<void> choose_memory_argument(Configuration& configuration, std::uint64_t mib) {
  const MemoryArgument* chosen = nullptr;
  for (const MemoryArgument& candidate : configuration.memory_arguments)
    if (candidate.least_mib <= mib) chosen = &candidate;
  if (chosen == nullptr || configuration.arguments.empty()) return {};
  Vector<std::string_view>& words = configuration.arguments;
  TRY(words.push_back(chosen->argument));
  for (std::size_t i = words.size() - 1; i > 1; --i) std::swap(words[i], words[i - 1]);
  return {};
}

bool parse_window_size(std::string_view text, unsigned& rows, unsigned& columns) {
  if (!parse_number(text, rows) || text.empty() || text.front() != ' ') return false;
  text.remove_prefix(1);
  return parse_number(text, columns) && text.empty();
}

}  // namespace mokapot
