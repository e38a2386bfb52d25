// SPDX-License-Identifier: Apache-2.0
//
// Futexes: sleep while a word of application memory has a value; wake who sleeps on a word. The
// operations of futex(2) but the priority-inheriting ones.
//
// A private futex is known by its address, a shared one by the object and offset that lie under it.
// Waiters stand in hashed buckets. Lock: one spinlock a bucket (rank kFutexBucket; two at once in ascending
// order of address); the word is compared under it, which is what makes "compare and sleep" atomic against
// wakers. The word may be paged out: with the lock held a load fails instead of sleeping, and is then
// repeated without the lock first.
//
// Thread context; all functions may block. Errors are Linux's: kEINVAL (address not aligned to 4, bitset
// zero), kEFAULT.
//
// Boot: initialise_futexes, before the first task runs.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/types.h"
#include "sched/deadline.h"

namespace mokapot {

class Task;

enum class FutexSharing : std::uint8_t { kPrivate, kShared };
inline constexpr std::uint32_t kFutexAnyBit = 0xffff'ffff;

void initialise_futexes();

// Sleeps until woken by one whose bitset meets ours. kEAGAIN: the word was not `expected`; kETIMEDOUT;
// kRestart or, with a deadline, kRestartNoHandler: a signal came.
Result<void> futex_wait(VirtAddr address, FutexSharing sharing, std::uint32_t expected,
                        std::uint32_t bitset, const Deadline& deadline);

// Wakes up to count waiters (at least one, as Linux does for a count below one); returns how many.
Result<std::int64_t> futex_wake(VirtAddr address, FutexSharing sharing, int count, std::uint32_t bitset);

// Wakes up to wake_count waiters of `from` and moves up to move_count further ones to `to`; returns how many
// were woken or moved. kEAGAIN if expected is given and the word at `from` differs; kEINVAL for counts
// below zero.
Result<std::int64_t> futex_requeue(VirtAddr from, VirtAddr to, FutexSharing sharing, int wake_count,
                                   int move_count, std::optional<std::uint32_t> expected);

// FUTEX_WAKE_OP: changes the word at `second` as `operation` says, wakes first_count waiters of `first`
// and, if the word's old value compares as `operation` says, second_count waiters of `second`. kENOSYS for
// an operation that does not exist.
Result<std::int64_t> futex_wake_op(VirtAddr first, VirtAddr second, FutexSharing sharing, int first_count,
                                   int second_count, std::uint32_t operation);

// For a thread's end, where an error has nobody to go to: how many were woken, 0 on a bad address.
// Linux wakes clear_child_tid's waiters as shared ones, and glibc and musl wait that way.
int futex_wake_address(VirtAddr address, int count, FutexSharing sharing = FutexSharing::kShared);

// Marks the robust mutexes that a dying task still holds with FUTEX_OWNER_DIED and wakes one waiter of each.
// Called by the task itself.
void exit_robust_list(Task& task);

}  // namespace mokapot
