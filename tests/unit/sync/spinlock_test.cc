// SPDX-License-Identifier: Apache-2.0
// sources: kernel/sync/spinlock.cc kernel/sync/preempt.cc kernel/sync/lock_order.cc
//
// Spinlocks exclude, their guards keep the preemption count and the interrupt flag, and the end of a
// guard reaches the scheduler exactly when it may.

#include "sync/spinlock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "sync/preempt.h"

namespace mokapot {
namespace {

int hook_calls = 0;

class SpinLockTest : public testing::Test {
 protected:
  void SetUp() override {
    fake::reset_cpu();
    hook_calls = 0;
    set_reschedule_hook([] { ++hook_calls; });
  }
  SpinLock lock_{LockRank::kFutexBucket};
};

TEST_F(SpinLockTest, ThreadsExcludeEachOther) {
  std::uint64_t counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      fake::cpu.index = static_cast<std::uint32_t>(i);
      for (int n = 0; n < 20'000; ++n) {
        SpinGuard guard(lock_);
        counter = counter + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, 80'000u);
  EXPECT_FALSE(lock_.is_locked());
}

TEST_F(SpinLockTest, IsHeldForTheGuardsLife) {
  {
    IrqSpinGuard guard(lock_);
    EXPECT_TRUE(lock_.is_locked());
  }
  EXPECT_FALSE(lock_.is_locked());
}

TEST_F(SpinLockTest, GuardsSetAndRestore) {
  {
    SpinGuard guard(lock_);
    EXPECT_EQ(arch::preempt_count(), 1u);
    EXPECT_TRUE(arch::interrupts_enabled());
  }
  {
    IrqSpinGuard guard(lock_);
    EXPECT_FALSE(arch::interrupts_enabled());
  }
  EXPECT_TRUE(arch::interrupts_enabled());
  EXPECT_EQ(arch::preempt_count(), 0u);
}

TEST_F(SpinLockTest, ARequestInsideIsHonouredAtTheEnd) {
  {
    SpinGuard guard(lock_);
    arch::set_reschedule_pending(true);
    EXPECT_EQ(hook_calls, 0);
  }
  EXPECT_EQ(hook_calls, 1);
}

TEST_F(SpinLockTest, OnlyTheOutermostGuardSwitches) {
  PreemptGuard outer;
  {
    SpinGuard guard(lock_);
    arch::set_reschedule_pending(true);
  }
  EXPECT_EQ(hook_calls, 0);
  arch::set_reschedule_pending(false);
}

TEST_F(SpinLockTest, NoSwitchWithInterruptsOffNorInAnInterrupt) {
  arch::set_reschedule_pending(true);
  {
    const auto state = arch::interrupts_save_and_disable();
    { IrqSpinGuard guard(lock_); }
    EXPECT_EQ(hook_calls, 0);
    arch::interrupts_restore(state);
  }
  fake::cpu.in_interrupt = true;
  { SpinGuard guard(lock_); }
  EXPECT_EQ(hook_calls, 0);
  fake::cpu.in_interrupt = false;
  { InterruptGuard guard; }
  EXPECT_EQ(hook_calls, 1);
}

}  // namespace
}  // namespace mokapot
