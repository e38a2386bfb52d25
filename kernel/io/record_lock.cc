// SPDX-License-Identifier: Apache-2.0
//
// Setting a range replaces whatever the same owner had there: neighbours of the same type are merged into the
// new lock, others are cut, and one may be split in two. Every node that this can need is allocated
// before the spinlock is taken, and freed after it.
#include "io/record_lock.h"

#include <memory>

#include "base/global.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

struct HeldLock {
  const void* key = nullptr;  // identity of the file's contents
  LockRequest lock;
  ListHook hook;  // LockTable::held
};
using HeldList = IntrusiveList<HeldLock, &HeldLock::hook>;

struct LockTable {
  LockTable() = default;
  SpinLock lock{LockRank::kReadiness};
  HeldList held GUARDED_BY(lock);
  WaitQueue released;
};
Global<LockTable> table;
// Process-owned record locks alive: the price of close() where there are none. Written under the lock.
constinit std::atomic<std::uint32_t> process_locks{0};

// Files of one vnode share locks; what has no vnode is alone.
const void* key_of(File& file) {
  Vnode* vnode = file.vnode();
  return vnode != nullptr ? static_cast<const void*>(vnode) : static_cast<const void*>(&file);
}

bool counts_as_process_lock(const LockRequest& lock) {
  return lock.space == LockSpace::kRecord && lock.owner == nullptr;
}

bool same_owner(const LockRequest& a, const LockRequest& b) {
  return a.space == b.space && a.owner == b.owner;
}

bool overlap(const LockRequest& a, const LockRequest& b) { return a.first <= b.last && b.first <= a.last; }

bool conflict(const HeldLock& held, const void* key, const LockRequest& request) {
  return held.key == key && held.lock.space == request.space && held.lock.owner != request.owner &&
         overlap(held.lock, request) &&
         (held.lock.type == LockType::kExclusive || request.type == LockType::kExclusive);
}

void insert_locked(HeldLock* fresh) REQUIRES(table->lock) {
  if (counts_as_process_lock(fresh->lock)) process_locks.fetch_add(1, std::memory_order_relaxed);
  table->held.push_back(*fresh);
}

void discard_locked(HeldLock& held, HeldList& discarded) REQUIRES(table->lock) {
  if (counts_as_process_lock(held.lock)) process_locks.fetch_sub(1, std::memory_order_relaxed);
  table->held.erase(table->held.iterator_to(held));
  discarded.push_back(held);
}

// Makes room for request among its owner's locks. `fresh` (null for an unlock) takes over neighbours of
// its type; `spare` becomes the right part of a lock that is split.
void cut_own_locks(const void* key, const LockRequest& request, HeldLock* fresh,
                   std::unique_ptr<HeldLock>& spare, HeldList& discarded) REQUIRES(table->lock) {
  for (auto at = table->held.begin(); at != table->held.end();) {
    HeldLock& held = *at++;
    if (held.key != key || !same_owner(held.lock, request)) continue;
    LockRequest& lock = held.lock;
    const bool adjacent = lock.last + 1 == request.first || request.last + 1 == lock.first;
    if (fresh != nullptr && lock.type == request.type && (adjacent || overlap(lock, request))) {
      fresh->lock.first = fresh->lock.first < lock.first ? fresh->lock.first : lock.first;
      fresh->lock.last = fresh->lock.last > lock.last ? fresh->lock.last : lock.last;
      discard_locked(held, discarded);
    } else if (overlap(lock, request)) {
      const bool left = lock.first < request.first, right = lock.last > request.last;
      if (left && right) {
        spare->key = key;
        spare->lock = lock;
        spare->lock.first = request.last + 1;
        lock.last = request.first - 1;
        insert_locked(spare.release());
      } else if (left) {
        lock.last = request.first - 1;
      } else if (right) {
        lock.first = request.last + 1;
      } else {
        discard_locked(held, discarded);
      }
    }
  }
}

void free_all(HeldList& discarded) {
  discarded.clear_and_dispose([](HeldLock* held) { delete held; });
}

template <typename Matches>
void release_where(Matches matches) {
  HeldList discarded;
  {
    SpinGuard guard(table->lock);
    for (auto at = table->held.begin(); at != table->held.end();) {
      HeldLock& held = *at++;
      if (matches(held)) discard_locked(held, discarded);
    }
  }
  if (discarded.empty()) return;
  free_all(discarded);
  table->released.wake_all();
}

// One attempt. kEAGAIN: somebody else's lock is in the way.
Result<void> try_set_lock(File& file, const LockRequest& request) {
  const void* key = key_of(file);
  std::unique_ptr<HeldLock> fresh;
  if (request.type != LockType::kUnlock) {
    fresh = TRY(make_unique_or_error<HeldLock>());
    fresh->key = key;
    fresh->lock = request;
  }
  std::unique_ptr<HeldLock> spare = TRY(make_unique_or_error<HeldLock>());
  HeldList discarded;
  bool blocked = false;
  {
    SpinGuard guard(table->lock);
    // flock gives its old lock up before it asks for the new one, and does not get it back (flock(2)).
    if (request.space == LockSpace::kWholeFile) cut_own_locks(key, request, nullptr, spare, discarded);
    if (fresh) {
      for (HeldLock& held : table->held) blocked |= conflict(held, key, request);
    }
    if (!blocked) {
      cut_own_locks(key, request, fresh.get(), spare, discarded);
      if (fresh) insert_locked(fresh.release());
    }
  }
  const bool released = !discarded.empty() || request.type == LockType::kUnlock;
  free_all(discarded);
  if (released) table->released.wake_all();
  if (blocked) return Errno::kEAGAIN;
  return {};
}

}  // namespace

void initialise_record_locks() { table.construct(); }

Result<void> set_lock(File& file, const LockRequest& request, LockWait wait) {
  if (request.owner != nullptr) file.has_locks.store(true, std::memory_order_relaxed);
  Result<void> result = Errno::kEAGAIN;
  auto attempt = [&] {
    result = try_set_lock(file, request);
    return result.ok() || result.error() != Errno::kEAGAIN;
  };
  if (wait == LockWait::kNo) {
    attempt();
    return result;
  }
  if (wait_until(table->released, Instant::never(), Interruptible::kYes, attempt) !=
      WakeReason::kWoken) {
    return Errno::kRestart;
  }
  return result;
}

std::optional<LockRequest> find_lock_conflict(File& file, const LockRequest& request) {
  const void* key = key_of(file);
  SpinGuard guard(table->lock);
  for (HeldLock& held : table->held) {
    if (conflict(held, key, request)) return held.lock;
  }
  return std::nullopt;
}

void release_process_locks(File& file) {
  if (process_locks.load(std::memory_order_relaxed) == 0) return;
  const void* key = key_of(file);
  release_where([key](const HeldLock& held) {
    return held.key == key && counts_as_process_lock(held.lock);
  });
}

void release_file_locks(File& file) {
  release_where([&file](const HeldLock& held) { return held.lock.owner == &file; });
}

}  // namespace mokapot
