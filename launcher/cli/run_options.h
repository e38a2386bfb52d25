// SPDX-License-Identifier: Apache-2.0
//
// The command line of `moka run`. Its options are a promise to users; see
// docs/concepts/launcher.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/host_folder.h"
#include "net/network_options.h"
#include "support/result.h"

namespace moka {

// How moka itself speaks, on standard error: sentences, or one JSON object a line.
enum class OutputFormat { kText, kJson };

struct RunOptions {
  enum class Target { kFile, kMainClass, kModule };
  enum class Machine { kMicrovm, kQ35, kPc };

  std::optional<std::uint64_t> memory_mib;
  std::optional<unsigned> cpus;
  std::string jdk;
  std::vector<std::string> jvm_options;
  std::vector<std::string> environment;  // NAME=VALUE
  bool is_verbose = false;
  std::string status_file;   // absolute, as all paths of moka's own options
  std::optional<int> owner;  // the process that the VM is not to outlive
  OutputFormat output = OutputFormat::kText;
  std::string folder;  // --dir: copied, and the program's working directory
  std::vector<HostFolder> mounts;
  std::string vm_name;       // --name; "": made from the program's
  bool is_detached = false;  // -d
  std::string artifacts;     // --artifacts: a folder, absolute; "" for the default, or "none"
  bool is_debugged = false;  // --debug
  std::uint16_t debug_port = 5005;  // of the host, and of the guest
  bool is_suspended = false;        // --suspend
  NetworkOptions network;

  // kFile: a jar or an ELF program, told apart by what is in it.
  Target target = Target::kFile;
  bool is_jar = false;  // -jar was given: nothing else will do
  std::optional<std::string> class_path;
  std::string name;  // file, main class or module
  std::vector<std::string> arguments;

  // For those who work on Mokapot.
  std::string kernel;
  Machine machine = kDefaultMachine;
  std::string trace;                  // --trace: of what, a word that the kernel knows
  bool forgoes_direct_calls = false;  // --no-direct-calls
  bool waits_for_gdb = false;
  std::string monitor_socket;  // where QEMU listens for a second monitor

  // No firmware worth the name and no PCI to walk: the quickest to start.
  static constexpr Machine kDefaultMachine = Machine::kMicrovm;
};

// `words`: what follows `moka run`. @argfiles are expanded in front of the program's name, and
// --env-file is read.
Result<RunOptions> parse_run_options(const std::vector<std::string>& words);

// Whether `word` is an option of `moka run` whose value is the next word.
bool run_option_takes_value(std::string_view word);

extern const char* const kRunUsage;

}  // namespace moka
