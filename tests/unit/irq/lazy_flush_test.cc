// SPDX-License-Identifier: Apache-2.0
// sources: kernel/irq/lazy_flush.cc
//
// A flush is either done at once or owed and done before the idle CPU runs a thread: never lost.

#include "irq/lazy_flush.h"

#include <gtest/gtest.h>

#include "arch/cpu.h"
#include "fakes/paging.h"

namespace mokapot {
namespace {

class LazyFlushTest : public testing::Test {
 protected:
  void SetUp() override {
    fake::reset_cpu();
    flushes_before_ = fake::tlb_counts().flushes;
  }
  // What `cpu` does, on this host thread.
  template <typename Action>
  static void on(std::uint32_t cpu, Action action) {
    fake::cpu.index = cpu;
    action();
    fake::cpu.index = 0;
  }
  std::uint64_t flushes() const { return fake::tlb_counts().flushes - flushes_before_; }
  std::uint64_t flushes_before_ = 0;
};

TEST_F(LazyFlushTest, BusyCpusFlushAtOnce) {
  EXPECT_EQ(leave_flush_to_idle_cpus(0b111), 0b111u);
}

TEST_F(LazyFlushTest, AnIdleCpuFlushesOnceWhenItRunsAgain) {
  on(1, begin_lazy_flush);
  EXPECT_EQ(leave_flush_to_idle_cpus(0b111), 0b101u);
  EXPECT_EQ(leave_flush_to_idle_cpus(0b010), 0u);
  EXPECT_EQ(flushes(), 0u);
  on(1, end_lazy_flush);
  EXPECT_EQ(flushes(), 1u);
  // From here on it is asked again.
  EXPECT_EQ(leave_flush_to_idle_cpus(0b010), 0b010u);
}

TEST_F(LazyFlushTest, NothingIsFlushedThatWasNotAsked) {
  on(2, begin_lazy_flush);
  on(2, end_lazy_flush);
  EXPECT_EQ(flushes(), 0u);
}

}  // namespace
}  // namespace mokapot
