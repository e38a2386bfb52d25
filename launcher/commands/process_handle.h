// SPDX-License-Identifier: Apache-2.0
//
// The `moka run` of a VM as a process that cannot be mistaken for a later one of the same number.
#pragma once

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "registry/vm_registry.h"
#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class ProcessHandle {
 public:
  static Result<ProcessHandle> open(const VmRegistry& registry, const VmView& vm) {
    UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, vm.record.pid, 0)));
    // Who holds the VM's lock now has held it since before the handle was made, or the VM is
    // another one.
    const Result<VmView> now = registry.find_running(vm.record.name);
    if (!now) return now.error();
    if (!process || now.value().record.pid != vm.record.pid)
      return Error{"the VM " + vm.record.name + " cannot be reached from here; try again"};
    return ProcessHandle(std::move(process));
  }

  int fd() const { return process_.get(); }  // readable once the process has ended
  void signal(int number) const {
    ::syscall(SYS_pidfd_send_signal, process_.get(), number, nullptr, 0);
  }
  // False: it lives on.
  bool wait(int milliseconds) const {
    pollfd item{process_.get(), POLLIN, 0};
    return ::poll(&item, 1, milliseconds) == 1;
  }

 private:
  explicit ProcessHandle(UniqueFd process) : process_(std::move(process)) {}
  UniqueFd process_;
};

}  // namespace moka
