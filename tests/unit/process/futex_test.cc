// SPDX-License-Identifier: Apache-2.0
// sources: kernel/process/futex.cc kernel/sched/scheduler.cc kernel/sched/placement.cc kernel/sched/idle.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/blocking.cc kernel/sched/scheduler_trace.cc kernel/sched/thread.cc kernel/sched/run_queue.cc
// sources: kernel/sched/wait_queue.cc
// sources: kernel/time/timer.cc kernel/time/clock.cc kernel/time/wall_clock_watch.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc
// sources: kernel/sync/spinlock.cc
// sources: kernel/sync/preempt.cc tests/unit/sched/fake_machine.cc
//
// Futexes on one fake CPU: who is woken, in which order, with which answer.

#include "process/futex.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "fakes/memory_copy.h"
#include "process/interruption.h"
#include "sched/fake_machine.h"
#include "sched/thread.h"
#include "time/clock.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

bool signal_is_pending = false;
bool shared_memory_is_mapped = true;

// Never constructed: only shared_key is called on it, which looks at nothing.
alignas(AddressSpace) unsigned char space[sizeof(AddressSpace)];

}  // namespace

bool signal_ends_wait() {
  if (signal_is_pending) return true;
  current_thread().clear_interrupt();
  return false;
}

bool is_application_range(VirtAddr address, std::uint64_t) { return address.value() >= 0x1'0000; }

AddressSpace& address_space() { return *reinterpret_cast<AddressSpace*>(space); }

// All shared memory is one object, at offsets that are addresses.
Result<AddressSpace::SharedKey> AddressSpace::shared_key(VirtAddr address) {
  if (!shared_memory_is_mapped) return Errno::kEFAULT;
  return SharedKey{&signal_is_pending, address.value()};
}

namespace {

constexpr auto ms = Duration::milliseconds;
constexpr auto kPrivate = FutexSharing::kPrivate;
constexpr auto kShared = FutexSharing::kShared;

class FutexTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fake::start_machine();
    initialise_futexes();
  }
  void SetUp() override {
    fake::clear_faulting_ranges();
    signal_is_pending = false;
    shared_memory_is_mapped = true;
  }
  void TearDown() override { settle(); }

  static VirtAddr address(const std::uint32_t& word) { return VirtAddr(&word); }
  // Lets all others run until they wait.
  static void settle() { ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok()); }

  struct Sleeper {
    std::function<Result<void>()> wait;
    RefPtr<Thread> thread;
    bool ended = false;
    Errno error{};
    bool ok = false;
    std::vector<int>* order = nullptr;
    int id = 0;
  };
  Sleeper& sleeper(std::function<Result<void>()> wait) {
    auto& slot = *sleepers_.emplace_back(std::make_unique<Sleeper>());
    slot.wait = std::move(wait);
    slot.order = &order_;
    slot.id = static_cast<int>(sleepers_.size());
    slot.thread = start_kernel_thread("sleeper", [](void* pointer) {
      auto& self = *static_cast<Sleeper*>(pointer);
      const auto result = self.wait();
      self.ok = result.ok();
      self.error = result.error();
      self.ended = true;
      self.order->push_back(self.id);
    }, &slot).take();
    settle();
    return slot;
  }
  Sleeper& waiter_on(const std::uint32_t& word, std::uint32_t bits = kFutexAnyBit,
                     Instant deadline = Instant::never(), FutexSharing sharing = kPrivate) {
    return sleeper([&word, bits, deadline, sharing, value = word] {
      return futex_wait(address(word), sharing, value, bits, deadline);
    });
  }
  std::int64_t wake(const std::uint32_t& word, int count, std::uint32_t bits = kFutexAnyBit,
                    FutexSharing sharing = kPrivate) {
    const std::int64_t woken = futex_wake(address(word), sharing, count, bits).take();
    settle();
    return woken;
  }

  std::uint32_t word_ = 7, other_ = 9;
  std::vector<int> order_;
  std::vector<std::unique_ptr<Sleeper>> sleepers_;
};

TEST_F(FutexTest, AnotherValueDoesNotSleep) {
  EXPECT_EQ(futex_wait(address(word_), kPrivate, 8, kFutexAnyBit, Instant::never()).error(), Errno::kEAGAIN);
}

TEST_F(FutexTest, BadArguments) {
  const VirtAddr odd(address(word_).value() + 2);
  EXPECT_EQ(futex_wait(odd, kPrivate, 7, kFutexAnyBit, Instant::never()).error(), Errno::kEINVAL);
  EXPECT_EQ(futex_wake(odd, kPrivate, 1, kFutexAnyBit).error(), Errno::kEINVAL);
  EXPECT_EQ(futex_wait(address(word_), kPrivate, 7, 0, Instant::never()).error(), Errno::kEINVAL);
  EXPECT_EQ(futex_wake(address(word_), kPrivate, 1, 0).error(), Errno::kEINVAL);
  EXPECT_EQ(futex_wait(VirtAddr(64), kPrivate, 7, kFutexAnyBit, Instant::never()).error(), Errno::kEFAULT);
  EXPECT_EQ(futex_requeue(address(word_), address(other_), kPrivate, -1, 0, {}).error(), Errno::kEINVAL);
}

TEST_F(FutexTest, AWordThatCannotBeReadIsAFault) {
  fake::make_range_fault(&word_, sizeof word_);
  EXPECT_EQ(futex_wait(address(word_), kPrivate, 7, kFutexAnyBit, Instant::never()).error(), Errno::kEFAULT);
  // A private wake does not look at the word.
  EXPECT_EQ(futex_wake(address(word_), kPrivate, 1, kFutexAnyBit).take(), 0);
}

TEST_F(FutexTest, WakesInOrderOfArrivalAndNoMoreThanAsked) {
  for (int i = 0; i < 4; ++i) waiter_on(word_);
  EXPECT_EQ(wake(word_, 1), 1);
  EXPECT_EQ(order_, (std::vector<int>{1}));
  EXPECT_EQ(wake(other_, 10), 0);
  EXPECT_EQ(wake(word_, 2), 2);
  EXPECT_EQ(wake(word_, 100), 1);
  EXPECT_EQ(order_, (std::vector<int>{1, 2, 3, 4}));
  for (auto& sleeper : sleepers_) EXPECT_TRUE(sleeper->ok);
}

TEST_F(FutexTest, ACountOfZeroWakesOne) {
  waiter_on(word_);
  waiter_on(word_);
  EXPECT_EQ(wake(word_, 0), 1);
  EXPECT_EQ(wake(word_, 5), 1);
}

TEST_F(FutexTest, BitsetsSelect) {
  Sleeper& low = waiter_on(word_, 1);
  Sleeper& high = waiter_on(word_, 2);
  EXPECT_EQ(wake(word_, 10, 4), 0);
  EXPECT_EQ(wake(word_, 10, 2), 1);
  EXPECT_TRUE(high.ended);
  EXPECT_FALSE(low.ended);
  EXPECT_EQ(wake(word_, 10), 1);
}

TEST_F(FutexTest, PrivateAndSharedAreApart) {
  Sleeper& shared = waiter_on(word_, kFutexAnyBit, Instant::never(), kShared);
  EXPECT_EQ(wake(word_, 10), 0);
  EXPECT_EQ(wake(word_, 10, kFutexAnyBit, kShared), 1);
  EXPECT_TRUE(shared.ok);
  shared_memory_is_mapped = false;
  EXPECT_EQ(futex_wake(address(word_), kShared, 1, kFutexAnyBit).error(), Errno::kEFAULT);
  EXPECT_EQ(futex_wake_address(address(word_), 1), 0);
}

TEST_F(FutexTest, TheDeadlineEndsAWait) {
  const Instant begin = now();
  EXPECT_EQ(futex_wait(address(word_), kPrivate, 7, kFutexAnyBit, begin + ms(30)).error(), Errno::kETIMEDOUT);
  EXPECT_EQ(now() - begin, ms(30));
  EXPECT_EQ(futex_wait(address(word_), kPrivate, 7, kFutexAnyBit, begin).error(), Errno::kETIMEDOUT);
  EXPECT_EQ(wake(word_, 10), 0) << "a waiter that gave up still stands in the bucket";
}

TEST_F(FutexTest, ASignalEndsAWait) {
  Sleeper& forever = waiter_on(word_);
  Sleeper& timed = waiter_on(word_, kFutexAnyBit, now() + ms(500));
  signal_is_pending = true;
  forever.thread->interrupt();
  timed.thread->interrupt();
  settle();
  EXPECT_EQ(forever.error, Errno::kRestart);
  EXPECT_EQ(timed.error, Errno::kRestartNoHandler);
}

TEST_F(FutexTest, ASignalThatWentElsewhereDoesNot) {
  Sleeper& sleeping = waiter_on(word_);
  sleeping.thread->interrupt();
  settle();
  EXPECT_FALSE(sleeping.ended);
  EXPECT_EQ(wake(word_, 1), 1);
  EXPECT_TRUE(sleeping.ok);
}

TEST_F(FutexTest, RequeueMovesWaiters) {
  for (int i = 0; i < 5; ++i) waiter_on(word_);
  EXPECT_EQ(futex_requeue(address(word_), address(other_), kPrivate, 1, 2, 7).take(), 3);
  settle();
  EXPECT_EQ(order_, (std::vector<int>{1}));
  EXPECT_EQ(wake(other_, 10), 2);
  EXPECT_EQ(order_, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(wake(word_, 10), 2);
  EXPECT_EQ(futex_requeue(address(word_), address(other_), kPrivate, 1, 1, 8).error(), Errno::kEAGAIN);
}

TEST_F(FutexTest, AMovedWaiterStillTimesOut) {
  Sleeper& sleeping = waiter_on(word_, kFutexAnyBit, now() + ms(20));
  EXPECT_EQ(futex_requeue(address(word_), address(other_), kPrivate, 0, 1, {}).take(), 1);
  ASSERT_TRUE(sleep_until(now() + ms(25), Interruptible::kNo).ok());
  EXPECT_EQ(sleeping.error, Errno::kETIMEDOUT);
  EXPECT_EQ(wake(other_, 10), 0);
}

constexpr std::uint32_t encode(std::uint32_t kind, std::uint32_t operand, std::uint32_t comparison,
                               std::uint32_t argument) {
  return (kind << 28) | (comparison << 24) | ((operand & 0xfff) << 12) | (argument & 0xfff);
}

TEST_F(FutexTest, WakeOpChangesComparesAndWakes) {
  waiter_on(word_);
  waiter_on(other_);
  // other_ += 1; its old value 9 > 8, so both are woken.
  EXPECT_EQ(futex_wake_op(address(word_), address(other_), kPrivate, 1, 1, encode(1, 1, 4, 8)).take(), 2);
  settle();
  EXPECT_EQ(other_, 10u);
  EXPECT_EQ(order_.size(), 2u);
  waiter_on(other_);
  // other_ = -1 (sign extended), old value 10 is not 3: the second is not woken.
  EXPECT_EQ(futex_wake_op(address(word_), address(other_), kPrivate, 1, 1, encode(0, 0xfff, 0, 3)).take(), 0);
  EXPECT_EQ(other_, 0xffff'ffffu);
  // The operand as a bit number: other_ &= ~(1 << 4).
  EXPECT_EQ(futex_wake_op(address(word_), address(other_), kPrivate, 1, 1, encode(8 | 3, 4, 2, 0)).take(), 1);
  EXPECT_EQ(other_, 0xffff'ffefu);
  settle();
  EXPECT_EQ(futex_wake_op(address(word_), address(other_), kPrivate, 1, 1, encode(5, 0, 0, 0)).error(), Errno::kENOSYS);
  fake::make_range_fault(&other_, sizeof other_);
  EXPECT_EQ(futex_wake_op(address(word_), address(other_), kPrivate, 1, 1, encode(0, 0, 0, 0)).error(), Errno::kEFAULT);
}

TEST_F(FutexTest, HundredsOfWaitersOnOneWord) {
  for (int i = 0; i < 300; ++i) waiter_on(word_);
  EXPECT_EQ(wake(word_, 1'000'000), 300);
  EXPECT_EQ(order_.size(), 300u);
}

TEST_F(FutexTest, HandOffBetweenTwoThreads) {
  static constexpr std::uint32_t kRounds = 2'000;
  std::uint32_t turn = 0;
  const auto player = [&turn](std::uint32_t mine) {
    return [&turn, mine]() -> Result<void> {
      for (std::uint32_t i = 0; i < kRounds; ++i) {
        while (turn % 2 != mine) {
          const auto waited = futex_wait(address(turn), kPrivate, turn, kFutexAnyBit, Instant::never());
          if (!waited.ok() && waited.error() != Errno::kEAGAIN) return waited.error();
        }
        ++turn;
        TRY(futex_wake(address(turn), kPrivate, 1, kFutexAnyBit));
      }
      return {};
    };
  };
  Sleeper& first = sleeper(player(0));
  Sleeper& second = sleeper(player(1));
  settle();
  EXPECT_TRUE(first.ended && second.ended);
  EXPECT_EQ(turn, 2 * kRounds);
}

}  // namespace
}  // namespace mokapot
