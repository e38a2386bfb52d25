// SPDX-License-Identifier: Apache-2.0
//
// The one registry of running VMs: $XDG_STATE_HOME/mokapot/vms, a folder for each VM, named as it.
//
//   NAME/lock      held by the live `moka run`: the one thing that decides whether the VM runs
//   NAME/vm.json   what it is (vm_record.h), replaced as a whole
//   NAME/socket    where its `moka run` serves tools (tools/tool_server.h)
//   NAME/log       output of a VM that runs detached; kept for a while after its end
//   NAME/end.json  how it ended, if it came to that
//
// The lock is a record lock of fcntl: the kernel gives it back with the process, however that dies,
// children do not inherit it, and whoever asks is told the holder's process. It would be lost if
// the holder closed another descriptor of that file, so a process looks into the registry before it
// claims a name and not after. Changes of the folder (claim, sweep, release) are made one at a
// time, under a lock of the whole registry. Everything is private: 0700 and 0600.
//
// Anybody may have changed anything in there by hand. What is not of the kind that it should be is
// as if it were not there, and goes when the name is taken again; a VM whose lock is held is found
// by its name, whatever else is damaged; and a VM whose folder was taken away touches that of no
// later one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/vm_name.h"
#include "registry/vm_record.h"
#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

// A name that this process holds, until the object is gone or released.
class VmEntry {
 public:
  VmEntry(VmEntry&&) = default;
  VmEntry& operator=(VmEntry&&) = delete;
  ~VmEntry();

  const std::string& name() const { return name_; }
  const std::string& folder() const { return folder_; }
  std::string log_file() const { return folder_ + "/log"; }
  VmRecord record;  // written by save()
  Result<void> save() const;  // fails, too, where the folder has become another VM's

  // The VM has ended. The entry goes, but for the log of a detached one and `report` (JSON).
  void end(std::string_view report);

 private:
  friend class VmRegistry;
  VmEntry(std::string name, std::string folder, UniqueFd lock);
  void remove();
  bool is_still_ours() const;

  std::string name_, folder_;
  UniqueFd lock_;
};

// A VM of the registry, as somebody else sees it.
struct VmView {
  // kNotYet: its `moka run` has only just taken the name, or somebody removed vm.json.
  enum class Description { kThere, kNotYet, kDamaged };

  VmRecord record;  // but for kThere its name, process and is_detached only
  std::string folder;
  Description description = Description::kThere;
  bool is_running = false;  // else it was detached, and its log is left
  std::string end;          // end.json

  // An error that says what to do where the record is not there.
  Result<void> check_described() const;
};

class VmRegistry {
 public:
  static Result<VmRegistry> open();
  static Result<VmRegistry> open_at(const std::string& directory);

  // Takes `name`, or fails and says who has it. Sweeps first.
  Result<VmEntry> claim(const std::string& name) const;
  // Takes `base`, or base-2, base-3 ...
  Result<VmEntry> claim_any(const std::string& base) const;

  // By name. Those that ended and left their log too; none that has only just taken its name.
  std::vector<VmView> list() const;
  // The running VM of that name, or an error that says which there are.
  Result<VmView> find_running(std::string_view name) const;
  Result<VmView> find(std::string_view name) const;  // an ended one, too

  const std::string& directory() const { return directory_; }

 private:
  explicit VmRegistry(std::string directory) : directory_(std::move(directory)) {}
  Result<UniqueFd> lock_all() const;
  std::optional<VmEntry> try_claim(const std::string& name, pid_t& holder,
                                   std::string& problem) const;
  void sweep() const;
  std::optional<VmView> look_at(const std::string& name) const;

  std::string directory_;
};

// $XDG_STATE_HOME/mokapot, or ~/.local/state/mokapot; made if missing, private to the user.
Result<std::string> state_directory();

}  // namespace moka
