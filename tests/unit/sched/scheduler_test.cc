// SPDX-License-Identifier: Apache-2.0
// sources: kernel/sched/scheduler.cc kernel/sched/placement.cc kernel/sched/idle.cc kernel/sched/blocking.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/scheduler_trace.cc
// sources: kernel/sched/thread.cc kernel/sched/run_queue.cc kernel/sched/wait_queue.cc kernel/sched/mutex.cc
// sources: kernel/sched/work_queue.cc kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc
// sources: kernel/sync/spinlock.cc kernel/sync/preempt.cc tests/unit/sched/fake_machine.cc
//
// The scheduler on one CPU: switching, blocking, deadlines, fairness, locks, and the end of threads.

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "fakes/heap.h"
#include "sched/fake_machine.h"
#include "sched/mutex.h"
#include "sched/scheduler.h"
#include "sched/test_thread.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "sched/work_queue.h"
#include "time/clock.h"
#include "time/timer.h"

namespace mokapot {
namespace {

using fake::compute;
constexpr auto ms = Duration::milliseconds;

using test::TestThread;
class SchedulerTest : public test::SchedulerFixture {};

TEST_F(SchedulerTest, AThreadRunsAndEnds) {
  bool ran = false;
  TestThread thread([&] { ran = true; });
  thread.start().join();
  EXPECT_TRUE(ran);
}

TEST_F(SchedulerTest, SleepLastsAsLongAsAsked) {
  const Instant begin = now();
  EXPECT_TRUE(sleep_until(begin + ms(250), Interruptible::kNo).ok());
  EXPECT_EQ(now() - begin, ms(250));
}

TEST_F(SchedulerTest, APastDeadlineDoesNotBlock) {
  EXPECT_TRUE(sleep_until(now() + ms(-5), Interruptible::kNo).ok());
}

TEST_F(SchedulerTest, AWakeBetweenPreparationAndBlockIsKept) {
  prepare_to_block();
  current_thread().wake();
  EXPECT_EQ(block(Instant::never(), Interruptible::kNo), WakeReason::kWoken);
}

TEST_F(SchedulerTest, AWakeOfARunningThreadLeavesNothingBehind) {
  current_thread().wake();
  prepare_to_block();
  EXPECT_EQ(block(now() + ms(3), Interruptible::kNo), WakeReason::kTimedOut);
}

TEST_F(SchedulerTest, PreemptionDoesNotLoseAPreparedBlock) {
  // Another thread takes the CPU between the preparation and the block; the wait must still end by its deadline.
  TestThread hog([] { compute(ms(20)); });
  hog.start();
  prepare_to_block();
  compute(ms(20));
  EXPECT_EQ(block(now() + ms(1), Interruptible::kNo), WakeReason::kTimedOut);
}

TEST_F(SchedulerTest, InterruptEndsInterruptibleWaitsOnly) {
  Thread& self = current_thread();
  TestThread signaller([&] { self.interrupt(); });
  signaller.start();
  EXPECT_EQ(sleep_until(now() + ms(100), Interruptible::kYes).error(), Errno::kEINTR);
  // The mark stays until it is cleared.
  EXPECT_EQ(sleep_until(now() + ms(100), Interruptible::kYes).error(), Errno::kEINTR);
  const Instant begin = now();
  EXPECT_TRUE(sleep_until(begin + ms(100), Interruptible::kNo).ok());
  EXPECT_EQ(now() - begin, ms(100));
  self.clear_interrupt();
  EXPECT_TRUE(sleep_until(now() + ms(1), Interruptible::kYes).ok());
}

// Of an interrupt whose mark the thread has seen and cleared already.
TEST_F(SchedulerTest, AnInterruptThatWakesLateEndsNoWait) {
  Thread& self = current_thread();
  TestThread late([&] { Scheduler::wake(self, WakeReason::kInterrupted); });
  late.start();
  const Instant begin = now();
  EXPECT_TRUE(sleep_until(begin + ms(10), Interruptible::kYes).ok());
  EXPECT_EQ(now() - begin, ms(10));
}

TEST_F(SchedulerTest, EqualThreadsShareTheCpu) {
  TestThread a([] { for (int i = 0; i < 100; ++i) compute(ms(1)); });
  TestThread b([] { for (int i = 0; i < 100; ++i) compute(ms(1)); });
  a.start();
  b.start();
  ASSERT_TRUE(sleep_until(now() + ms(100), Interruptible::kNo).ok());
  EXPECT_NEAR(static_cast<double>(a->cpu_time().nanoseconds()), 50e6, 8e6);
  EXPECT_NEAR(static_cast<double>(b->cpu_time().nanoseconds()), 50e6, 8e6);
}

TEST_F(SchedulerTest, NiceThreadsGetLess) {
  TestThread a([] { for (int i = 0; i < 300; ++i) compute(ms(1)); });
  TestThread b([] { for (int i = 0; i < 300; ++i) compute(ms(1)); });
  b->set_nice(5);
  a.start();
  b.start();
  ASSERT_TRUE(sleep_until(now() + ms(200), Interruptible::kNo).ok());
  const double ratio = static_cast<double>(a->cpu_time().nanoseconds()) /
                       static_cast<double>(b->cpu_time().nanoseconds());
  EXPECT_GT(ratio, 2.0);
  EXPECT_LT(ratio, 4.5);
}

TEST_F(SchedulerTest, ASleeperPreemptsOnesThatCompute) {
  TestThread a([] { for (int i = 0; i < 100; ++i) compute(ms(1)); });
  TestThread b([] { for (int i = 0; i < 100; ++i) compute(ms(1)); });
  a.start();
  b.start();
  for (int i = 0; i < 20; ++i) {
    const Instant wanted = now() + ms(3);
    ASSERT_TRUE(sleep_until(wanted, Interruptible::kNo).ok());
    EXPECT_LE((now() - wanted).nanoseconds(), 1'000'000);
  }
}

TEST_F(SchedulerTest, ALoneThreadIsSampledAndTakesNoOtherTicks) {
  ASSERT_TRUE(sleep_until(now() + ms(1000), Interruptible::kNo).ok());
  // The CPU has just left idleness.
  EXPECT_EQ(next_timer_deadline(), now() + policy::kSamplePeriod);
  const SplitTime before = current_thread().split_cpu_time();
  fake::cpu.interrupted_application = false;
  compute(ms(50));
  fake::cpu.interrupted_application = true;
  EXPECT_EQ(next_timer_deadline(), now() + policy::kSamplePeriod);
  EXPECT_GE(current_thread().split_cpu_time().system - before.system, ms(40));
}

TEST_F(SchedulerTest, AnIdleCpuIsSampledOnceAndThenPauses) {
  ASSERT_TRUE(sleep_until(now() + ms(1000), Interruptible::kNo).ok());
  const Instant begin = now();
  EXPECT_EQ(next_timer_deadline(), begin + policy::kSamplePeriod);
  ASSERT_TRUE(sleep_until(begin + ms(100), Interruptible::kNo).ok());
  EXPECT_EQ(next_timer_deadline(), begin + policy::kSamplePeriod + policy::kSamplePause);
}

TEST_F(SchedulerTest, YieldLetsOthersRun) {
  std::vector<int> order;
  const auto body = [&order](int id) {
    return [&order, id] {
      for (int i = 0; i < 3; ++i) {
        order.push_back(id);
        yield();
      }
    };
  };
  TestThread a(body(1)), b(body(2));
  a.start();
  b.start();
  a.join();
  b.join();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1, 2, 1, 2}));
}

TEST_F(SchedulerTest, WaitQueueWakesInOrderAndEachOnce) {
  WaitQueue queue;
  std::vector<int> order;
  int permits = 0;
  std::vector<std::unique_ptr<TestThread>> threads;
  for (int id = 0; id < 5; ++id) {
    threads.push_back(std::make_unique<TestThread>([&, id] {
      wait_until(queue, Instant::never(), Interruptible::kNo, [&] { return permits > 0 && permits-- > 0; });
      order.push_back(id);
    }));
    threads.back()->start();
    yield();
  }
  ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());
  // Two permits and two wakes in a row, before either waiter has run.
  permits = 2;
  queue.wake_one();
  queue.wake_one();
  ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  permits = 3;
  queue.wake_all();
  for (auto& thread : threads) thread->join();
  EXPECT_EQ(order.size(), 5u);
  EXPECT_FALSE(queue.has_waiters());
}

TEST_F(SchedulerTest, CallbacksDoNotEatAWake) {
  WaitQueue queue;
  int called = 0;
  Waiter listener([](Waiter& waiter) { ++*static_cast<int*>(waiter.context()); }, &called);
  queue.add(listener);
  bool ready = false;
  TestThread thread([&] { wait_until(queue, Instant::never(), Interruptible::kNo, [&] { return ready; }); });
  thread.start();
  ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());
  ready = true;
  queue.wake_one();
  thread.join();
  EXPECT_EQ(called, 1);
  queue.remove(listener);
}

TEST_F(SchedulerTest, AWaitTimesOutAndLeavesTheQueue) {
  WaitQueue queue;
  const Instant begin = now();
  EXPECT_EQ(wait_until(queue, begin + ms(7), Interruptible::kNo, [] { return false; }), WakeReason::kTimedOut);
  EXPECT_EQ(now() - begin, ms(7));
  EXPECT_FALSE(queue.has_waiters());
}

TEST_F(SchedulerTest, MutexExcludes) {
  Mutex mutex(LockRank::kInode);
  int inside = 0, most = 0, entries = 0;
  std::vector<std::unique_ptr<TestThread>> threads;
  for (int i = 0; i < 8; ++i) {
    threads.push_back(std::make_unique<TestThread>([&] {
      for (int n = 0; n < 20; ++n) {
        MutexGuard guard(mutex);
        most = std::max(most, ++inside);
        compute(Duration::microseconds(700));
        if (n % 3 == 0) (void)sleep_until(now() + ms(1), Interruptible::kNo);
        --inside;
        ++entries;
      }
    }));
    threads.back()->start();
  }
  for (auto& thread : threads) thread->join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(entries, 160);
  TryMutexGuard guard(mutex);
  EXPECT_TRUE(guard.held());
}

TEST_F(SchedulerTest, ReadersShareAndWritersDoNotStarve) {
  RwLock lock(LockRank::kAddressSpace);
  int readers = 0, most_readers = 0, writers = 0;
  bool torn = false, stop = false;
  Instant written;
  std::vector<std::unique_ptr<TestThread>> threads;
  for (int i = 0; i < 4; ++i) {
    threads.push_back(std::make_unique<TestThread>([&] {
      while (!stop) {
        ReadGuard guard(lock);
        most_readers = std::max(most_readers, ++readers);
        torn |= writers != 0;
        (void)sleep_until(now() + ms(2), Interruptible::kNo);
        --readers;
      }
    }));
    threads.back()->start();
  }
  ASSERT_TRUE(sleep_until(now() + ms(5), Interruptible::kNo).ok());
  const Instant asked = now();
  {
    WriteGuard guard(lock);
    ++writers;
    torn |= readers != 0;
    written = now();
    compute(ms(1));
    --writers;
  }
  stop = true;
  for (auto& thread : threads) thread->join();
  EXPECT_GT(most_readers, 1);
  EXPECT_FALSE(torn);
  EXPECT_LT((written - asked).nanoseconds(), 5'000'000);
}

TEST_F(SchedulerTest, VectorStateIsLoadedOnlyWhenAnotherHadIt) {
  TestThread a([] { for (int i = 0; i < 5; ++i) (void)sleep_until(now() + ms(1), Interruptible::kNo); },
               Runs::kApplication);
  a->set_thread_pointer(0x1234);
  const std::uint64_t before = fake::extended_state_loads();
  a.start().join();
  // Only kernel threads ran in between.
  EXPECT_EQ(fake::extended_state_loads() - before, 1u);
  EXPECT_EQ(fake::loaded_thread_pointer(), 0x1234u);
}

TEST_F(SchedulerTest, CpuTimeCountsOwnTimeOnly) {
  TestThread a([] {
    compute(ms(3));
    (void)sleep_until(now() + ms(10), Interruptible::kNo);
    compute(ms(2));
  }, Runs::kApplication);
  const Duration before = application_usage().cpu_time;
  a.start().join();
  EXPECT_EQ(a->cpu_time(), ms(5));
  // Ended threads stay in the process's account.
  ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());
  EXPECT_EQ(application_usage().cpu_time - before, ms(5));
  EXPECT_GE(a->voluntary_switches(), 1u);
}

TEST_F(SchedulerTest, ThousandsOfThreads) {
  std::vector<std::unique_ptr<TestThread>> threads;
  int sum = 0;
  for (int i = 0; i < 1'000; ++i) {
    threads.push_back(std::make_unique<TestThread>([&sum, i] {
      (void)sleep_until(now() + ms(i % 50), Interruptible::kNo);
      ++sum;
    }));
    threads.back()->start();
  }
  for (auto& thread : threads) thread->join();
  EXPECT_EQ(sum, 1'000);
}

TEST_F(SchedulerTest, NoMemoryForAThreadIsAnError) {
  auto thread = make_ref<Thread>("test").take();
  fake::fail_heap_after(0);
  EXPECT_EQ(thread->initialise([](void*) {}, nullptr).error(), Errno::kENOMEM);
  fake::fail_heap_after(-1);
}

TEST_F(SchedulerTest, NamesAreCutAsOnLinux) {
  TestThread a([] {});
  a->set_name("a name that is much too long");
  EXPECT_STREQ(a->name(), "a name that is ");
  a->set_name("x");
  EXPECT_STREQ(a->name(), "x");
}

TEST_F(SchedulerTest, WorkRunsInOrderAndOnceForEachRequest) {
  static bool initialised = false;
  if (!initialised) initialise_work_queue();
  initialised = true;
  threads_before_ = thread_count();
  static std::vector<int> order;
  struct Item : WorkItem {
    explicit Item(int id) : WorkItem(run_item), id_(id) {}
    static void run_item(WorkItem& item) { order.push_back(static_cast<Item&>(item).id_); }
    int id_;
  };
  Item a(1), b(2);
  {
    PreemptGuard keep_the_worker_waiting;
    enqueue_work(a);
    enqueue_work(b);
    enqueue_work(a);
  }
  ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  enqueue_work(a);
  ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1}));
}

}  // namespace
}  // namespace mokapot
