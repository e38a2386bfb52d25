// SPDX-License-Identifier: Apache-2.0
//
// The signal mask of ppoll, pselect6 and epoll_pwait: in force while the call waits. If a signal ends the wait
// the mask stays until the handler's frame has been made (signals.h); otherwise the old one comes back.
#pragma once

#include "linux/syscall_types.h"
#include "process/signals.h"
#include "process/task.h"
#include "vm/user_access.h"

namespace mokapot {

class TemporaryMask {
 public:
  // Nothing happens for a null mask. kEINVAL unless set_size is that of a set, kEFAULT.
  Result<void> apply(VirtAddr mask, std::size_t set_size) {
    if (mask.is_null()) return {};
    if (set_size != sizeof(SignalSet)) return Errno::kEINVAL;
    set_temporary_mask(TRY(read_application<SignalSet>(mask)));
    applied_ = true;
    return {};
  }
  // result is the call's; passes it on.
  SyscallResult finish(SyscallResult result) {
    if (applied_ && !interrupted(result)) {
      SignalState& signals = current_task().signals;
      signals.restore_saved_mask = false;
      set_blocked_signals(signals.saved_mask);
    }
    return result;
  }

 private:
  static bool interrupted(const SyscallResult& result) {
    return !result.ok() && (result.error() == Errno::kEINTR || result.error() == Errno::kRestartNoHandler);
  }
  bool applied_ = false;
};

}  // namespace mokapot
