// SPDX-License-Identifier: Apache-2.0
//
// What a VM has on the host beside QEMU: its name in the registry, the socket for tools, the folder
// for what it leaves behind. Everything that did not last is removed with the object.
#pragma once

#include <optional>

#include "cli/run_options.h"
#include "publish/publisher.h"
#include "registry/vm_registry.h"
#include "run/artifacts.h"
#include "session/exit_report.h"
#include "session/messages.h"
#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class Registration {
 public:
  // Where the state directory cannot be used, a VM that asked for nothing of it runs without.
  static Result<Registration> make(const RunOptions& options, const Messages& messages);

  bool has_entry() const { return entry_.has_value(); }
  const VmEntry& entry() const { return *entry_; }
  const std::optional<Artifacts>& artifacts() const { return artifacts_; }
  UniqueFd take_tool_listener() { return std::move(tool_listener_); }

  // What is known once the VM is about to start, for `moka ps`.
  Result<void> describe(const RunOptions& options, bool is_java,
                        const std::vector<std::string>& jvm_options, std::uint64_t memory_mib,
                        unsigned cpus);
  void note_port(const PortNotice& notice);
  // The VM has ended: what it has left, for standard error.
  std::string last_words(const Messages& messages) const;
  void end(const ExitReport& report);

 private:
  std::optional<VmEntry> entry_;
  std::optional<Artifacts> artifacts_;
  UniqueFd tool_listener_;
};

}  // namespace moka
