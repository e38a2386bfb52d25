// SPDX-License-Identifier: Apache-2.0
// sources: kernel/sched/scheduler.cc kernel/sched/placement.cc kernel/sched/idle.cc kernel/sched/blocking.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/scheduler_trace.cc
// sources: kernel/sched/thread.cc kernel/sched/run_queue.cc kernel/sched/wait_queue.cc kernel/sched/mutex.cc
// sources: kernel/sched/work_queue.cc kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc
// sources: kernel/sync/spinlock.cc kernel/sync/preempt.cc tests/unit/sched/fake_machine.cc
//
// What the classes of HotSpot's threads do in the real scheduler, on one CPU.

#include <gtest/gtest.h>

#include <vector>

#include "sched/fake_machine.h"
#include "sched/scheduler.h"
#include "sched/test_thread.h"
#include "sched/thread_class.h"
#include "sched/wait_queue.h"
#include "time/clock.h"

namespace mokapot {
namespace {

using fake::compute;
using test::TestThread;
constexpr auto ms = Duration::milliseconds;

class ThreadClassSchedulingTest : public test::SchedulerFixture {};

// How long 20 ms of work take a thread of that name that has slept, while two others compute.
Duration work_beside_others(const char* name, const char* others) {
  const auto computes = [] { for (int i = 0; i < 300; ++i) compute(ms(1)); };
  TestThread a(computes, Runs::kApplication), b(computes, Runs::kApplication);
  a->set_name(others);
  b->set_name(others);
  Duration taken;
  TestThread worker([&taken] {
    EXPECT_TRUE(sleep_until(now() + ms(100), Interruptible::kNo).ok());
    const Instant begin = now();
    for (int i = 0; i < 20; ++i) compute(ms(1));
    taken = now() - begin;
  }, Runs::kApplication);
  worker->set_name(name);
  a.start();
  b.start();
  worker.start().join();
  return taken;
}

TEST_F(ThreadClassSchedulingTest, AWorkerOfAPauseIsNotInterrupted) {
  EXPECT_LE(work_beside_others("GC Thread#0", "C2 CompilerThre"), ms(21));
  EXPECT_LE(work_beside_others("VM Thread", "java"), ms(21));
  EXPECT_GT(work_beside_others("java", "java"), ms(35));
  EXPECT_GT(work_beside_others("G1 Conc#0", "C2 CompilerThre"), ms(35));
}

TEST_F(ThreadClassSchedulingTest, PauseWorkersLeaveOthersTheirShareInTheEnd) {
  const auto computes = [] { for (int i = 0; i < 600; ++i) compute(ms(1)); };
  TestThread compiler(computes, Runs::kApplication);
  compiler->set_name("C2 CompilerThre");
  // Collections with hardly anything between them.
  TestThread collector([] {
    for (int i = 0; i < 50; ++i) {
      for (int step = 0; step < 20; ++step) compute(ms(1));
      EXPECT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());  // no shorter: an idle CPU would poll, and this clock stand
    }
  }, Runs::kApplication);
  collector->set_name("GC Thread#0");
  compiler.start();
  collector.start();
  ASSERT_TRUE(sleep_until(now() + ms(1000), Interruptible::kNo).ok());
  EXPECT_GT(compiler->cpu_time(), ms(350));
}

TEST_F(ThreadClassSchedulingTest, ACollectorIsInAPauseAsLongAsAPauseWorkerSaysSo) {
  WaitQueue queue;
  int turn = 0;
  std::vector<bool> seen;
  TestThread collector([&] {
    for (int wanted = 1; wanted <= 3; ++wanted) {
      wait_until(queue, Instant::never(), Interruptible::kNo, [&] { return turn == wanted; });
      seen.push_back(current_thread().in_pause());
    }
  }, Runs::kApplication);
  collector->set_name("ZWorkerYoung#0");
  collector.start();
  for (const char* waker : {"ZDriverMinor", "VM Thread", "ZDriverMinor"}) {
    ASSERT_TRUE(sleep_until(now() + ms(1), Interruptible::kNo).ok());
    TestThread thread([&] { ++turn; queue.wake_all(); }, Runs::kApplication);
    thread->set_name(waker);
    thread.start().join();
  }
  collector.join();
  EXPECT_EQ(seen, (std::vector<bool>{false, true, false}));
}

TEST_F(ThreadClassSchedulingTest, PeriodicThreadsWakeTogether) {
  std::vector<Instant> ends;
  const auto body = [&ends](Duration wait) {
    return [&ends, wait] {
      EXPECT_TRUE(sleep_until(now() + wait, Interruptible::kNo).ok());
      ends.push_back(now());
    };
  };
  TestThread a(body(ms(61)), Runs::kApplication), b(body(ms(73)), Runs::kApplication);
  a->set_name("VM Periodic Tas");
  b->set_name("Monitor Deflati");
  // So that the two deadlines do not stand on different sides of a common moment.
  const std::int64_t batch = policy::kBatch.nanoseconds();
  ASSERT_TRUE(sleep_until(Instant::from_nanoseconds((now().nanoseconds() / batch + 1) * batch), Interruptible::kNo).ok());
  a.start();
  b.start();
  a.join();
  b.join();
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0], ends[1]);
}

}  // namespace
}  // namespace mokapot
