// SPDX-License-Identifier: Apache-2.0
//
// See futex.h. Invariants:
//   * a waiter stands in the list of the bucket that its bucket_ names; nullptr says that it has been
//     woken, and is the last that a waker writes to it, since the waiter's stack may then be gone;
//   * only then does the thread go on the waker's WakeList, to be woken after the lock. The other way round, another
//     list that still holds the thread could wake it in between, and it would find nothing and sleep on for ever.

#include "process/futex.h"

#include <atomic>
#include <utility>

#include "arch/memory_copy.h"
#include "base/global.h"
#include "base/intrusive.h"
#include "base/ref_counted.h"
#include "process/interruption.h"
#include "sched/thread.h"
#include "sched/wake_list.h"
#include "sync/spinlock.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

struct FutexKey {
  const void* object = nullptr;  // nullptr: private, and offset is the address
  std::uint64_t offset = 0;
  friend bool operator==(const FutexKey&, const FutexKey&) = default;
};

struct FutexBucket;

struct FutexWaiter {
  FutexKey key;                               // guarded by the bucket's lock
  std::uint32_t bitset;                       // const
  Thread& thread;                             // const
  std::atomic<FutexBucket*> bucket{nullptr};  // written under the lock of the bucket that it names
  ListHook bucket_hook;                       // FutexBucket::waiters
};

struct alignas(64) FutexBucket {
  SpinLock lock{LockRank::kFutexBucket};
  // Waiters that stand in the list or are about to: a wake of nobody takes no lock.
  std::atomic<std::uint32_t> count{0};
  IntrusiveList<FutexWaiter, &FutexWaiter::bucket_hook> waiters GUARDED_BY(lock);
};

constexpr unsigned kBucketBits = 9;
struct Buckets {
  FutexBucket entries[1u << kBucketBits];
};
Global<Buckets> buckets;

FutexBucket& bucket_of(const FutexKey& key) {
  const std::uint64_t mixed = (key.offset >> 2) ^ VirtAddr(key.object).value();
  // Fibonacci hashing: the top bits of the product depend on all bits of the factor.
  return buckets->entries[(mixed * 0x9e37'79b9'7f4a'7c15) >> (64 - kBucketBits)];
}

Result<FutexKey> make_key(VirtAddr address, FutexSharing sharing) {
  if (!is_aligned(address.value(), sizeof(std::uint32_t))) return Errno::kEINVAL;
  if (!is_application_range(address, sizeof(std::uint32_t))) return Errno::kEFAULT;
  if (sharing == FutexSharing::kPrivate) return FutexKey{nullptr, address.value()};
  const AddressSpace::SharedKey shared = TRY(address_space().shared_key(address));
  return FutexKey{shared.object, shared.offset};
}

// Without a lock, so that the fault may sleep.
Result<void> page_in(VirtAddr address) {
  std::uint32_t value = 0;
  if (!arch::load_u32_or_fault(address.as<std::uint32_t>(), value)) return Errno::kEFAULT;
  return {};
}

// Takes a waiter out of its bucket, which is locked (the analysis cannot tell that it is the caller's), into the
// list of those to wake. The waiter may be gone afterwards.
void take(FutexWaiter& waiter, WakeList& woken) NO_THREAD_SAFETY_ANALYSIS {
  FutexBucket& bucket = *waiter.bucket.load(std::memory_order_relaxed);
  bucket.waiters.erase(bucket.waiters.iterator_to(waiter));
  bucket.count.fetch_sub(1, std::memory_order_relaxed);
  // The thread may end as soon as it sees that it has been woken.
  const RefPtr<Thread> thread(&waiter.thread);
  waiter.bucket.store(nullptr, std::memory_order_release);
  woken.add(*thread);
}

// Takes up to count matching waiters (at least one). In one go: a woken thread may wait on the same word again at
// once, and must not be taken a second time.
int take_matching(FutexBucket& bucket, const FutexKey& key, int count, std::uint32_t bitset,
                  WakeList& list) REQUIRES(bucket.lock) {
  int taken = 0;
  for (auto next = bucket.waiters.begin(); next != bucket.waiters.end();) {
    FutexWaiter& waiter = *next++;
    if (waiter.key != key || (waiter.bitset & bitset) == 0) continue;
    take(waiter, list);
    if (++taken >= count) break;
  }
  return taken;
}

int wake_key(const FutexKey& key, int count, std::uint32_t bitset) {
  FutexBucket& bucket = bucket_of(key);
  // The caller has changed the word; a waiter counts itself before it reads the word. One sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (bucket.count.load(std::memory_order_relaxed) == 0) return 0;
  WakeList list;  // wakes after the guard has let go
  SpinGuard guard(bucket.lock);
  return take_matching(bucket, key, count, bitset, list);
}

// Runs body with both buckets locked, which may be one and the same. Which lock is taken first depends on the
// addresses: more than the analysis of locks can follow. The bodies are checked, by what they REQUIRE.
template <typename Body>
auto with_both_locked(FutexBucket& a, FutexBucket& b, Body body) NO_THREAD_SAFETY_ANALYSIS {
  if (&a == &b) {
    SpinGuard guard(a.lock);
    return body();
  }
  SpinGuard lower(&a < &b ? a.lock : b.lock);
  SpinGuard higher(&a < &b ? b.lock : a.lock);
  return body();
}

// Takes a waiter that gives up out of its bucket; false if it has been woken already.
bool leave_bucket(FutexWaiter& waiter) {
  while (FutexBucket* bucket = waiter.bucket.load(std::memory_order_acquire)) {
    SpinGuard guard(bucket->lock);
    if (waiter.bucket.load(std::memory_order_relaxed) != bucket) continue;  // moved or woken meanwhile
    bucket->waiters.erase(bucket->waiters.iterator_to(waiter));
    bucket->count.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

enum class Look : std::uint8_t { kQueued, kDiffers, kFaulted };

Look queue_if_equal(FutexBucket& bucket, FutexWaiter& waiter, VirtAddr address, std::uint32_t expected) {
  bucket.count.fetch_add(1, std::memory_order_seq_cst);
  SpinGuard guard(bucket.lock);
  std::uint32_t value = 0;
  Look look = Look::kQueued;
  if (!arch::load_u32_or_fault(address.as<std::uint32_t>(), value)) look = Look::kFaulted;
  else if (value != expected) look = Look::kDiffers;
  if (look == Look::kQueued) {
    waiter.bucket.store(&bucket, std::memory_order_relaxed);
    bucket.waiters.push_back(waiter);
  } else {
    bucket.count.fetch_sub(1, std::memory_order_relaxed);
  }
  return look;
}

}  // namespace

void initialise_futexes() { buckets.construct(); }

Result<void> futex_wait(VirtAddr address, FutexSharing sharing, std::uint32_t expected,
                        std::uint32_t bitset, const Deadline& deadline) {
  if (bitset == 0) return Errno::kEINVAL;
  const DeadlineWatch watch(deadline);
  FutexWaiter waiter{TRY(make_key(address, sharing)), bitset, current_thread(), {}, {}};
  while (true) {
    const Look look = queue_if_equal(bucket_of(waiter.key), waiter, address, expected);
    if (look == Look::kQueued) break;
    if (look == Look::kDiffers) return Errno::kEAGAIN;
    TRY(page_in(address));
  }
  while (true) {
    prepare_to_block();
    if (waiter.bucket.load(std::memory_order_acquire) == nullptr) {
      cancel_block();
      return {};
    }
    const WakeReason reason = block(deadline.moment(), Interruptible::kYes);
    if (reason == WakeReason::kWoken) continue;
    if (reason == WakeReason::kTimedOut && !deadline.has_come()) continue;  // its clock was slewed back meanwhile
    if (reason == WakeReason::kInterrupted && !signal_ends_wait()) continue;
    // A waker that was faster than the clock or the signal counts: it has told its caller so.
    if (!leave_bucket(waiter)) return {};
    if (reason == WakeReason::kTimedOut) return Errno::kETIMEDOUT;
    return deadline.is_never() ? Errno::kRestart : Errno::kRestartNoHandler;
  }
}

Result<std::int64_t> futex_wake(VirtAddr address, FutexSharing sharing, int count, std::uint32_t bitset) {
  if (bitset == 0) return Errno::kEINVAL;
  return wake_key(TRY(make_key(address, sharing)), count, bitset);
}

Result<std::int64_t> futex_requeue(VirtAddr from, VirtAddr to, FutexSharing sharing, int wake_count,
                                   int move_count, std::optional<std::uint32_t> expected) {
  if (wake_count < 0 || move_count < 0) return Errno::kEINVAL;
  const FutexKey from_key = TRY(make_key(from, sharing));
  const FutexKey to_key = TRY(make_key(to, sharing));
  FutexBucket& source = bucket_of(from_key);
  FutexBucket& target = bucket_of(to_key);
  std::int64_t woken = 0;
  std::int64_t moved = 0;
  while (true) {
    WakeList list;
    const Look look = with_both_locked(source, target, [&]() REQUIRES(source.lock, target.lock) {
      if (expected) {
        std::uint32_t value = 0;
        if (!arch::load_u32_or_fault(from.as<std::uint32_t>(), value)) return Look::kFaulted;
        if (value != *expected) return Look::kDiffers;
      }
      for (auto next = source.waiters.begin(); next != source.waiters.end();) {
        FutexWaiter& waiter = *next++;
        if (waiter.key != from_key) continue;
        if (woken < wake_count) {
          take(waiter, list);
          ++woken;
          continue;
        }
        if (moved == move_count) break;
        ++moved;
        waiter.key = to_key;
        if (&source == &target) continue;
        source.waiters.erase(source.waiters.iterator_to(waiter));
        source.count.fetch_sub(1, std::memory_order_relaxed);
        target.waiters.push_back(waiter);
        target.count.fetch_add(1, std::memory_order_relaxed);
        waiter.bucket.store(&target, std::memory_order_release);
      }
      return Look::kQueued;
    });
    if (look == Look::kDiffers) return Errno::kEAGAIN;
    if (look == Look::kFaulted) {
      TRY(page_in(from));
      continue;
    }
    return woken + moved;
  }
}

namespace {

// FUTEX_OP(...) of futex(2), decoded.
struct WordOperation {
  enum Kind : std::uint32_t { kSet, kAdd, kOr, kAndNot, kXor };
  enum Comparison : std::uint32_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  std::uint32_t kind;
  std::uint32_t operand;
  std::uint32_t comparison;
  std::int32_t compared_with;

  static Result<WordOperation> decode(std::uint32_t encoded) {
    // Arguments are 12 bits, signed.
    const auto sign_extend = [](std::uint32_t bits) {
      return static_cast<std::int32_t>(bits << 20) >> 20;
    };
    WordOperation operation{};
    operation.kind = (encoded >> 28) & 7;
    operation.comparison = (encoded >> 24) & 15;
    operation.compared_with = sign_extend(encoded & 0xfff);
    const std::int32_t operand = sign_extend((encoded >> 12) & 0xfff);
    // FUTEX_OP_OPARG_SHIFT: the operand is a bit number, of which Linux takes the low five bits.
    operation.operand = (encoded >> 31) != 0 ? std::uint32_t{1} << (operand & 31)
                                             : static_cast<std::uint32_t>(operand);
    if (operation.kind > kXor || operation.comparison > kGreaterOrEqual) return Errno::kENOSYS;
    return operation;
  }

  std::uint32_t apply(std::uint32_t old) const {
    switch (kind) {
      case kSet: return operand;
      case kAdd: return old + operand;
      case kOr: return old | operand;
      case kAndNot: return old & ~operand;
      default: return old ^ operand;
    }
  }
  bool compare(std::uint32_t old) const {
    const auto value = static_cast<std::int32_t>(old);
    switch (comparison) {
      case kEqual: return value == compared_with;
      case kNotEqual: return value != compared_with;
      case kLess: return value < compared_with;
      case kLessOrEqual: return value <= compared_with;
      case kGreater: return value > compared_with;
      default: return value >= compared_with;
    }
  }
};

// Applies the operation; false on a fault. old is the value before.
bool change_word(VirtAddr address, const WordOperation& operation, std::uint32_t& old) {
  auto* word = address.as<std::uint32_t>();
  if (!arch::load_u32_or_fault(word, old)) return false;
  while (true) {
    std::uint32_t seen = old;
    if (!arch::compare_exchange_u32_or_fault(word, seen, operation.apply(old))) return false;
    if (seen == old) return true;
    old = seen;
  }
}

// Makes the word writable without changing it; the fault may sleep.
Result<void> page_in_for_writing(VirtAddr address) {
  auto* word = address.as<std::uint32_t>();
  std::uint32_t value = 0;
  if (!arch::load_u32_or_fault(word, value)) return Errno::kEFAULT;
  if (!arch::compare_exchange_u32_or_fault(word, value, value)) return Errno::kEFAULT;
  return {};
}

}  // namespace

Result<std::int64_t> futex_wake_op(VirtAddr first, VirtAddr second, FutexSharing sharing, int first_count,
                                   int second_count, std::uint32_t encoded) {
  const FutexKey first_key = TRY(make_key(first, sharing));
  const FutexKey second_key = TRY(make_key(second, sharing));
  const WordOperation operation = TRY(WordOperation::decode(encoded));
  FutexBucket& first_bucket = bucket_of(first_key);
  FutexBucket& second_bucket = bucket_of(second_key);
  while (true) {
    WakeList list;
    int first_woken = 0;
    int second_woken = 0;
    bool wakes_second = false;
    const bool changed = with_both_locked(first_bucket, second_bucket, [&]() REQUIRES(first_bucket.lock, second_bucket.lock) {
      std::uint32_t old = 0;
      if (!change_word(second, operation, old)) return false;
      first_woken = take_matching(first_bucket, first_key, first_count, kFutexAnyBit, list);
      wakes_second = operation.compare(old);
      if (wakes_second) {
        second_woken = take_matching(second_bucket, second_key, second_count, kFutexAnyBit, list);
      }
      return true;
    });
    if (!changed) {
      TRY(page_in_for_writing(second));
      continue;
    }
    return first_woken + second_woken;
  }
}

int futex_wake_address(VirtAddr address, int count, FutexSharing sharing) {
  auto woken = futex_wake(address, sharing, count, kFutexAnyBit);
  return woken ? static_cast<int>(woken.value()) : 0;
}

}  // namespace mokapot
