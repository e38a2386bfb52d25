// SPDX-License-Identifier: Apache-2.0
//
// The process that a VM is not to outlive (`--owner PID`): a build, for example, whose VMs must not
// stay behind even when nothing of the build's own can run any more. A process and not a thread is
// watched, and not only a parent: PR_SET_PDEATHSIG would fire at the end of the thread that started
// us.
#pragma once

#include <sys/types.h>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class Owner {
 public:
  Owner() = default;  // nobody's
  // Fails where there is no such process.
  static Result<Owner> of(pid_t pid);

  int fd() const { return process_.get(); }  // readable once it has ended; -1 for nobody's

 private:
  UniqueFd process_;
};

}  // namespace moka
