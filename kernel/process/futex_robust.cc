// SPDX-License-Identifier: Apache-2.0
//
// The robust list of a task that ends: mutexes that it holds and nobody will release. The list is the
// application's, so every step is a copy that may fail; an error ends the walk, as on Linux.
// Layout: struct robust_list_head of <linux/futex.h>.

#include "process/futex.h"
#include "arch/memory_copy.h"
#include "process/task.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kWaiters = 0x8000'0000;
constexpr std::uint32_t kOwnerDied = 0x4000'0000;
constexpr std::uint32_t kThreadIdMask = 0x3fff'ffff;
constexpr int kListLimit = 2048;  // a list may be a cycle

struct RobustListHead {
  std::uint64_t next;
  std::int64_t futex_offset;
  std::uint64_t pending;  // being locked or unlocked just now
};

// The low bit of an entry's address marks a priority-inheriting mutex.
VirtAddr entry_address(std::uint64_t entry) { return VirtAddr(entry & ~std::uint64_t{1}); }
bool inherits_priority(std::uint64_t entry) { return (entry & 1) != 0; }

enum class Entry : std::uint8_t { kHeld, kPending };

Result<void> abandon(VirtAddr address, ThreadId owner, bool priority_inheriting, Entry entry) {
  if (!is_aligned(address.value(), sizeof(std::uint32_t))) return Errno::kEINVAL;
  std::uint32_t value = TRY(read_application<std::uint32_t>(address));
  while (true) {
    // Died between the release of the word and the wake that belongs to it.
    if (entry == Entry::kPending && !priority_inheriting && value == 0) {
      futex_wake_address(address, 1, FutexSharing::kShared);
      return {};
    }
    if ((value & kThreadIdMask) != static_cast<std::uint32_t>(owner)) return {};
    std::uint32_t seen = value;
    const std::uint32_t abandoned = (value & kWaiters) | kOwnerDied;
    if (!arch::compare_exchange_u32_or_fault(address.as<std::uint32_t>(), seen, abandoned)) {
      return Errno::kEFAULT;
    }
    if (seen == value) break;
    value = seen;
  }
  if (!priority_inheriting && (value & kWaiters) != 0) {
    futex_wake_address(address, 1, FutexSharing::kShared);
  }
  return {};
}

Result<void> walk(Task& task) {
  const auto head = TRY(read_application<RobustListHead>(task.robust_list));
  const std::uint64_t pending = head.pending;
  const auto futex_of = [&](std::uint64_t entry) {
    return entry_address(entry) + static_cast<std::uint64_t>(head.futex_offset);
  };
  std::uint64_t entry = head.next;
  for (int i = 0; i < kListLimit && entry_address(entry) != task.robust_list; ++i) {
    // Read first: once abandoned, the mutex may be unmapped by its next owner.
    const auto next = read_application<std::uint64_t>(entry_address(entry));
    if (entry_address(entry) != entry_address(pending)) {
      TRY(abandon(futex_of(entry), task.tid(), inherits_priority(entry), Entry::kHeld));
    }
    if (!next) return next.error();
    entry = next.value();
  }
  if (!entry_address(pending).is_null()) {
    TRY(abandon(futex_of(pending), task.tid(), inherits_priority(pending), Entry::kPending));
  }
  return {};
}

}  // namespace

void exit_robust_list(Task& task) {
  if (task.robust_list.is_null()) return;
  (void)walk(task);  // a damaged list is the application's own loss
  task.robust_list = VirtAddr();
}

}  // namespace mokapot
