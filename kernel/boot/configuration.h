// SPDX-License-Identifier: Apache-2.0
//
// The VM's configuration: the launcher's records (contract/vm_contract.h), parsed. A pure function over bytes;
// views point into them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/vector.h"

namespace mokapot {

struct FolderRecord {
  std::string_view tag, path;
  bool read_only;
};

// An argument for VMs with at least so much memory.
struct MemoryArgument {
  unsigned least_mib;
  std::string_view argument;
};

struct Configuration {
  std::string_view program, directory = "/", hostname;
  Vector<std::string_view> arguments, environment, layers;
  Vector<MemoryArgument> memory_arguments;
  Vector<FolderRecord> folders;  // of the host's, to be mounted in this order
  Vector<std::uint16_t> exposed_ports;
  std::string_view standard_input, standard_output, standard_error;  // contract::kStream...
  std::string_view termios, window_size;
  std::string_view archive;  // "" for none
};

// kEINVAL: no version or another one, a record without '=', a mount or an argument by memory that says too little, an exposed port that is
// none, no program. kENOMEM. Unknown keys are ignored: a newer launcher may say more than this kernel knows.
Result<Configuration> parse_configuration(std::string_view records);

// Puts the argument that a VM of `mib` is to have behind the first; nothing where there is none. kENOMEM.
Result<void> choose_memory_argument(Configuration& configuration, std::uint64_t mib);

// Two decimal numbers, "ROWS COLUMNS"; false if it is anything else.
bool parse_window_size(std::string_view text, unsigned& rows, unsigned& columns);

}  // namespace mokapot
