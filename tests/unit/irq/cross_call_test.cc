// SPDX-License-Identifier: Apache-2.0
// sources: kernel/irq/cross_call.cc kernel/irq/irq.cc kernel/sync/spinlock.cc kernel/sync/preempt.cc
//
// Calls between CPUs, with host threads as CPUs and a flag a CPU as the interrupt line.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "irq/irq.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kCpus = 4;

class LineController final : public CpuInterruptController {
 public:
  void end_of_interrupt() override { ++ended; }
  void send_to_cpu(CpuId cpu, InterruptVector vector) override {
    ASSERT_EQ(vector, kCallVector);
    lines[cpu.index()] = true;
  }
  void send_to_others(InterruptVector) override {
    for (std::uint32_t i = 0; i < kCpus; ++i) {
      if (i != arch::current_cpu().index()) lines[i] = true;
    }
  }
  Message message_for(CpuId, InterruptVector) override { return {}; }

  // What the hardware does between two instructions.
  void deliver() {
    if (!arch::interrupts_enabled() || !lines[arch::current_cpu().index()].exchange(false)) return;
    fake::cpu.interrupts_on = false;
    fake::cpu.in_interrupt = true;
    dispatch_interrupt(kCallVector);
    fake::cpu.in_interrupt = false;
    fake::cpu.interrupts_on = true;
  }

  std::array<std::atomic<bool>, kCpus> lines{};
  std::atomic<int> ended{0};
};

struct Counts {
  std::array<std::atomic<int>, kCpus> on{};
};
void count(void* counts) { ++static_cast<Counts*>(counts)->on[arch::current_cpu().index()]; }

class CrossCallTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    initialise_cross_calls();
    for (std::uint32_t i = 0; i < kCpus; ++i) set_cpu_online(CpuId(i));
  }
  void SetUp() override {
    fake::reset_cpu();
    set_cpu_interrupt_controller(&controller_);
  }
  LineController controller_;
};

TEST_F(CrossCallTest, AlonePlainCall) {
  Counts counts;
  call_on_cpus(cpu_bit(CpuId(0)), count, &counts);
  EXPECT_EQ(counts.on[0], 1);
  EXPECT_EQ(arch::preempt_count(), 0u);
}

TEST_F(CrossCallTest, CpusThatAreNotUpAreLeftOut) {
  Counts counts;
  call_on_cpus(cpu_bit(CpuId(0)) | cpu_bit(CpuId(40)), count, &counts);
  EXPECT_EQ(counts.on[0], 1);
}

// Everybody calls everybody at once: nobody may wait for one who waits.
TEST_F(CrossCallTest, AllCallAllAtOnce) {
  constexpr int kCalls = 2'000;
  Counts counts;
  std::atomic<std::uint32_t> done{0};
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < kCpus; ++i) {
    threads.emplace_back([&, i] {
      fake::reset_cpu();
      fake::cpu.index = i;
      for (int n = 0; n < kCalls; ++n) {
        call_on_cpus(~CpuMask{0}, count, &counts);
        controller_.deliver();
      }
      ++done;
      while (done < kCpus) controller_.deliver();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::uint32_t i = 0; i < kCpus; ++i) EXPECT_EQ(counts.on[i], kCalls * static_cast<int>(kCpus));
}

TEST_F(CrossCallTest, TheCallHasRunEverywhereOnReturn) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> targets;
  for (std::uint32_t i = 1; i < kCpus; ++i) {
    targets.emplace_back([&, i] {
      fake::reset_cpu();
      fake::cpu.index = i;
      while (!stop) controller_.deliver();
    });
  }
  for (int n = 0; n < 500; ++n) {
    Counts counts;  // on the stack: a late call would be seen by AddressSanitizer
    call_on_cpus(~cpu_bit(CpuId(0)), count, &counts);
    EXPECT_EQ(counts.on[0], 0);
    for (std::uint32_t i = 1; i < kCpus; ++i) ASSERT_EQ(counts.on[i], 1);
  }
  stop = true;
  for (std::thread& thread : targets) thread.join();
}

TEST_F(CrossCallTest, VectorsAreHandedOutOnce) {
  int first = 0, second = 0;
  const auto bump = [](void* counter) { ++*static_cast<int*>(counter); };
  const InterruptVector a = allocate_vector(bump, &first).take();
  const InterruptVector b = allocate_vector(bump, &second).take();
  EXPECT_NE(a, b);
  dispatch_interrupt(a);
  dispatch_interrupt(b);
  dispatch_interrupt(b);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
  EXPECT_EQ(controller_.ended, 3);
  dispatch_interrupt(kSpuriousVector);
  EXPECT_EQ(controller_.ended, 3);  // the spurious vector is not in service
}

}  // namespace
}  // namespace mokapot
