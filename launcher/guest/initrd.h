// SPDX-License-Identifier: Apache-2.0
//
// The guest's configuration as a newc cpio archive with one file (contract/vm_contract.h). It holds
// arguments and environment, hence secrets: it lives in a sealed memory file that only this process
// and the QEMU it starts can reach, never under a name on disk and never on a command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/vm_contract.h"
#include "guest/host_folder.h"
#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

struct GuestConfig {
  int version = mokapot::contract::kVersion;  // of the contract, the kernel's that will read it
  std::string program;
  std::vector<std::string> arguments;  // argv[0] first
  // For VMs with at least so many MiB, ascending; the last that applies stands behind argv[0].
  std::vector<std::pair<std::uint64_t, std::string>> arguments_by_memory;
  std::vector<std::string> environment;  // NAME=VALUE
  std::string working_directory;
  std::string hostname = "mokapot";
  std::string archive;              // of classes, that the JVM is to use; or ""
  std::vector<std::string> layers;  // disk serials, lowest first
  std::vector<HostFolder> mounts;
  std::vector<std::uint16_t> exposed_ports;  // published by name
  std::string standard_input;                // contract::kStream...
  std::string standard_output;
  std::string standard_error;
  std::string termios;      // "" without a terminal
  std::string window_size;  // "" without a terminal
};

// The records of the configuration file. Fails on a value with a NUL in it.
Result<std::string> encode_config(const GuestConfig& config);

// What encode_config wrote, from bytes that may hold anything; of streams and folders, which are
// the host's, it takes nothing. Fails where it is damaged or of a version
// that is yet to come.
Result<GuestConfig> decode_config(std::string_view records);

// A sealed memory file with these bytes, close-on-exec.
Result<UniqueFd> memory_file(std::string_view name, std::string_view content);

}  // namespace moka
