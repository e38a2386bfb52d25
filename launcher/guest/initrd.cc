// SPDX-License-Identifier: Apache-2.0
#include "guest/initrd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "contract/vm_contract.h"
#include "support/files.h"

namespace moka {
namespace {

// Any that there has been: the records of an old image are put into words of today by a rebase.
bool parse_version(std::string_view text, int& version) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && rest == text.data() + text.size() && version >= 0 &&
         version <= mokapot::contract::kVersion;
}

}  // namespace

Result<std::string> encode_config(const GuestConfig& config) {
  namespace contract = mokapot::contract;
  std::string records;
  bool has_nul = false;
  const auto put = [&](const char* key, const std::string& value) {
    has_nul = has_nul || value.find('\0') != std::string::npos;
    records += key;
    records += '=';
    records += value;
    records += '\0';
  };
  const auto put_optional = [&](const char* key, const std::string& value) {
    if (!value.empty()) put(key, value);
  };
  put(contract::kKeyVersion, std::to_string(config.version));
  put(contract::kKeyProgram, config.program);
  for (const std::string& argument : config.arguments) put(contract::kKeyArgument, argument);
  for (const auto& [mib, argument] : config.arguments_by_memory)
    put(contract::kKeyArgumentByMemory, std::to_string(mib) + " " + argument);
  for (const std::string& variable : config.environment) put(contract::kKeyEnvironment, variable);
  put(contract::kKeyDirectory, config.working_directory);
  put_optional(contract::kKeyHostname, config.hostname);
  put_optional(contract::kKeyArchive, config.archive);
  for (const std::string& layer : config.layers) put(contract::kKeyLayer, layer);
  for (std::size_t number = 0; number < config.mounts.size(); ++number) {
    const HostFolder& folder = config.mounts[number];
    put(contract::kKeyMount,
        mount_tag(number) + " " +
            (folder.is_read_only ? contract::kMountReadOnly : contract::kMountReadWrite) + " " +
            folder.guest);
  }
  for (const std::uint16_t port : config.exposed_ports)
    put(contract::kKeyExpose, std::to_string(port));
  put(contract::kKeyStdin, config.standard_input);
  put(contract::kKeyStdout, config.standard_output);
  put(contract::kKeyStderr, config.standard_error);
  put_optional(contract::kKeyTermios, config.termios);
  put_optional(contract::kKeyWindow, config.window_size);
  if (has_nul) return Error{"an argument or environment value holds a NUL character; remove it"};
  return records;
}

Result<GuestConfig> decode_config(std::string_view records) {
  namespace contract = mokapot::contract;
  const Error damaged{
      "the image's configuration is damaged, or of another version; build it again"};
  GuestConfig config;
  config.hostname.clear();
  bool has_version = false;
  while (!records.empty()) {
    const std::size_t end = records.find('\0');
    if (end == std::string_view::npos) return damaged;
    const std::string_view record = records.substr(0, end);
    records.remove_prefix(end + 1);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) return damaged;
    const std::string_view key = record.substr(0, equals);
    const std::string value(record.substr(equals + 1));
    if (key == contract::kKeyVersion) {
      if (!parse_version(value, config.version)) return damaged;
      has_version = true;
    }
    if (key == contract::kKeyProgram) config.program = value;
    if (key == contract::kKeyArgument) config.arguments.push_back(value);
    if (key == contract::kKeyEnvironment) config.environment.push_back(value);
    if (key == contract::kKeyDirectory) config.working_directory = value;
    if (key == contract::kKeyHostname) config.hostname = value;
    if (key == contract::kKeyArchive) config.archive = value;
    if (key == contract::kKeyLayer) config.layers.push_back(value);
    std::uint64_t number = 0;
    const char* const limit = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), limit, number);
    if (key == contract::kKeyExpose) {
      if (error != std::errc() || rest != limit || number == 0 || number > 0xffff) return damaged;
      config.exposed_ports.push_back(static_cast<std::uint16_t>(number));
    }
    if (key == contract::kKeyArgumentByMemory) {
      if (error != std::errc() || rest == limit || *rest != ' ') return damaged;
      config.arguments_by_memory.emplace_back(number, std::string(rest + 1, limit));
    }
  }
  if (!has_version || config.program.empty() || config.arguments.empty()) return damaged;
  return config;
}

Result<UniqueFd> memory_file(std::string_view name, std::string_view content) {
  UniqueFd file(::memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const bool ready = file && ::fchmod(file.get(), 0600) == 0 && write_fully(file.get(), content) &&
                     ::fcntl(file.get(), F_ADD_SEALS,
                             F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
  if (!ready)
    return Error{"cannot make a memory file for the guest's configuration: " + error_text(errno)};
  return file;
}

}  // namespace moka
