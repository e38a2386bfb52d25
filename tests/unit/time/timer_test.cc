// SPDX-License-Identifier: Apache-2.0
// sources: kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/sync/spinlock.cc
// sources: kernel/sync/preempt.cc
//
// Timer queues: order, replacement, cancellation, and cancellation against a callback that runs.

#include "time/timer.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "arch/cpu.h"
#include "time/clock.h"

namespace mokapot {
namespace {

Instant at(std::int64_t nanoseconds) { return Instant::from_nanoseconds(nanoseconds); }

class TestClock final : public ClockSource, public ClockEvent {
 public:
  const char* name() const override { return "test"; }
  Instant now() override { return time; }
  bool tsc_parameters(TscParameters&) override { return false; }
  void arm(Instant deadline) override {
    programmed = deadline;
    ++programmings;
  }
  void initialise_cpu() override {}
  Instant time;
  Instant programmed = Instant::never();
  int programmings = 0;
};
TestClock test_clock;

class Recorder : public Timer {
 public:
  explicit Recorder(int id = 0) : Timer(fire), id_(id) {}
  static inline std::vector<int> fired;
  std::int64_t rearm_after = 0;

 private:
  static void fire(Timer& timer) {
    auto& self = static_cast<Recorder&>(timer);
    fired.push_back(self.id_);
    if (self.rearm_after != 0) self.arm(now() + Duration::nanoseconds(self.rearm_after));
  }
  int id_;
};

class TimerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_clock_source(&test_clock);
    set_clock_event(&test_clock);
    initialise_timers();
  }
  void SetUp() override {
    fake::reset_cpu();
    run_until(test_clock.time.nanoseconds() + 1'000'000);  // what an earlier test left programmed
    start_ = test_clock.time.nanoseconds();
    test_clock.programmings = 0;
    Recorder::fired.clear();
  }
  void run_until(std::int64_t nanoseconds) {
    test_clock.time = at(nanoseconds);
    fake::cpu.in_interrupt = true;
    fake::cpu.interrupts_on = false;
    handle_timer_interrupt();
    fake::cpu.in_interrupt = false;
    fake::cpu.interrupts_on = true;
  }
  std::int64_t start_ = 0;
};

TEST_F(TimerTest, FireInOrderOfDeadline) {
  Recorder a(1), b(2), c(3);
  a.arm(at(start_ + 300));
  b.arm(at(start_ + 100));
  c.arm(at(start_ + 200));
  EXPECT_EQ(test_clock.programmed, at(start_ + 100));
  run_until(start_ + 250);
  EXPECT_EQ(Recorder::fired, (std::vector<int>{2, 3}));
  EXPECT_TRUE(a.armed());
  EXPECT_EQ(test_clock.programmed, at(start_ + 300));
  run_until(start_ + 300);
  EXPECT_EQ(Recorder::fired.back(), 1);
  EXPECT_EQ(next_timer_deadline(), Instant::never());
}

TEST_F(TimerTest, ArmingAgainReplaces) {
  Recorder timer(1);
  timer.arm(at(start_ + 100));
  timer.arm(at(start_ + 500));
  run_until(start_ + 200);
  EXPECT_TRUE(Recorder::fired.empty());
  run_until(start_ + 500);
  EXPECT_EQ(Recorder::fired.size(), 1u);
}

TEST_F(TimerTest, CancelSaysWhetherItCameInTime) {
  Recorder timer(1);
  EXPECT_FALSE(timer.cancel());
  timer.arm(at(start_ + 100));
  EXPECT_TRUE(timer.cancel());
  run_until(start_ + 200);
  EXPECT_TRUE(Recorder::fired.empty());
  timer.arm(at(start_ + 300));
  run_until(start_ + 300);
  EXPECT_FALSE(timer.cancel());
}

TEST_F(TimerTest, NeverOnlyCancels) {
  Recorder timer(1);
  timer.arm(at(start_ + 100));
  timer.arm(Instant::never());
  EXPECT_FALSE(timer.armed());
}

TEST_F(TimerTest, ALaterTimerDoesNotTouchTheDevice) {
  Recorder early(1), late(2);
  early.arm(at(start_ + 100));
  const int before = test_clock.programmings;
  late.arm(at(start_ + 200));
  late.cancel();
  late.arm(at(start_ + 300));
  EXPECT_EQ(test_clock.programmings, before);
  early.cancel();
  late.cancel();
}

TEST_F(TimerTest, ACallbackMayArmItsTimer) {
  Recorder timer(1);
  timer.rearm_after = 100;
  timer.arm(at(start_ + 100));
  for (int i = 1; i <= 5; ++i) run_until(start_ + 100 * i);
  EXPECT_EQ(Recorder::fired.size(), 5u);
  EXPECT_TRUE(timer.cancel());
}

TEST_F(TimerTest, EachCpuFiresItsOwn) {
  Recorder here(1), there(2);
  here.arm(at(start_ + 100));
  fake::cpu.index = 1;
  there.arm(at(start_ + 100));
  run_until(start_ + 100);
  EXPECT_EQ(Recorder::fired, (std::vector<int>{2}));
  fake::cpu.index = 0;
  run_until(start_ + 100);
  EXPECT_EQ(Recorder::fired, (std::vector<int>{2, 1}));
}

TEST_F(TimerTest, ATimerMovesToTheCpuThatArmsIt) {
  Recorder timer(1);
  timer.arm(at(start_ + 100));
  fake::cpu.index = 2;
  timer.arm(at(start_ + 50));
  fake::cpu.index = 0;
  run_until(start_ + 100);
  EXPECT_TRUE(Recorder::fired.empty());
  fake::cpu.index = 2;
  run_until(start_ + 100);
  EXPECT_EQ(Recorder::fired.size(), 1u);
}

// The owner cancels and at once destroys what the callback uses, as a sleeper does with its stack.
TEST_F(TimerTest, CancelWaitsForACallbackOnAnotherCpu) {
  struct Slow : Timer {
    Slow() : Timer(fire) {}
    static void fire(Timer& timer) {
      auto& self = static_cast<Slow&>(timer);
      self.entered = true;
      for (int i = 0; i < 100; ++i) std::this_thread::yield();
      self.finished = true;
    }
    std::atomic<bool> entered{false}, finished{false};
  };
  for (int round = 0; round < 50; ++round) {
    auto timer = std::make_unique<Slow>();
    std::thread other([&] {
      fake::reset_cpu();
      fake::cpu.index = 3;
      fake::cpu.in_interrupt = true;
      timer->arm(at(start_));
      handle_timer_interrupt();
    });
    while (!timer->entered) std::this_thread::yield();
    EXPECT_FALSE(timer->cancel());
    EXPECT_TRUE(timer->finished);
    timer.reset();
    other.join();
  }
}

}  // namespace
}  // namespace mokapot
