// SPDX-License-Identifier: Apache-2.0
//
// futex(2): decoding and dispatch to process/futex.h. The priority-inheriting operations answer ENOSYS, which
// glibc reports as ENOTSUP for such mutexes; HotSpot uses none.

#include "linux/syscall_types.h"
#include "linux/time_types.h"
#include "process/futex.h"

namespace mokapot {
namespace {

enum FutexOperation : int {
  kWait = 0, kWake = 1, kRequeue = 3, kCompareRequeue = 4, kWakeOp = 5, kWaitBitset = 9, kWakeBitset = 10
};
constexpr int kPrivateFlag = 128;
constexpr int kRealtimeFlag = 256;

SyscallResult wait(VirtAddr address, FutexSharing sharing, std::uint32_t value, std::uint32_t bitset,
                   const Deadline& deadline) {
  TRY(futex_wait(address, sharing, value, bitset, deadline));
  return 0;
}

}  // namespace

SyscallResult sys_futex(VirtAddr address, int operation, unsigned value, VirtAddr timeout,
                        VirtAddr second_address, unsigned value3) {
  const FutexSharing sharing =
      (operation & kPrivateFlag) != 0 ? FutexSharing::kPrivate : FutexSharing::kShared;
  const bool on_wall_clock = (operation & kRealtimeFlag) != 0;
  const int command = operation & ~(kPrivateFlag | kRealtimeFlag);

  Deadline deadline = Instant::never();
  if ((command == kWait || command == kWaitBitset) && !timeout.is_null()) {
    const Duration time = TRY(read_timespec(timeout));
    if (command == kWait) deadline = now() + time;
    else deadline = on_wall_clock ? Deadline::on_wall_clock(time) : Deadline(monotonic_instant(time));
  }
  if (on_wall_clock && command != kWaitBitset) return Errno::kENOSYS;

  // Where the operation takes a second count, it stands in the time-out's place.
  const int count = static_cast<int>(value);
  const int second_count = static_cast<int>(timeout.value());
  switch (command) {
    case kWait: return wait(address, sharing, value, kFutexAnyBit, deadline);
    case kWaitBitset: return wait(address, sharing, value, value3, deadline);
    case kWake: return futex_wake(address, sharing, count, kFutexAnyBit);
    case kWakeBitset: return futex_wake(address, sharing, count, value3);
    case kRequeue:
      return futex_requeue(address, second_address, sharing, count, second_count, std::nullopt);
    case kCompareRequeue:
      return futex_requeue(address, second_address, sharing, count, second_count, value3);
    case kWakeOp: return futex_wake_op(address, second_address, sharing, count, second_count, value3);
    default: return Errno::kENOSYS;
  }
}

SyscallResult sys_futex_waitv(VirtAddr, unsigned, unsigned, VirtAddr, int) { return Errno::kENOSYS; }

}  // namespace mokapot
