// SPDX-License-Identifier: Apache-2.0
#include "session/owner.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "support/files.h"

namespace moka {

Result<Owner> Owner::of(pid_t pid) {
  Owner owner;
  // glibc has no wrapper before 2.36.
  owner.process_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!owner.process_)
    return Error{"--owner " + std::to_string(pid) + ": " + error_text(errno) +
                 "; give the number of a running process"};
  return owner;
}

}  // namespace moka
