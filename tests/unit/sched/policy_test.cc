// SPDX-License-Identifier: Apache-2.0
// sources: kernel/sync/spinlock.cc
//
// The scheduler's numbers.

#include "sched/policy.h"

#include <gtest/gtest.h>

namespace mokapot::policy {
namespace {

TEST(PolicyTest, NiceWeightsFallByAConstantFactor) {
  EXPECT_EQ(weight_of(0), kNeutralWeight);
  for (int nice = kLowestNice; nice < kHighestNice; ++nice) {
    const double ratio = static_cast<double>(weight_of(nice)) / weight_of(nice + 1);
    EXPECT_GT(ratio, 1.15) << nice;
    EXPECT_LT(ratio, 1.40) << nice;
  }
  EXPECT_GE(weight_of(kHighestNice), 10u);
}

TEST(PolicyTest, LighterThreadsAreChargedMore) {
  const Duration used = Duration::milliseconds(1);
  EXPECT_EQ(charge(used, kNeutralWeight), 1'000'000);
  EXPECT_GT(charge(used, weight_of(5)), 2'000'000);
  EXPECT_LT(charge(used, weight_of(-5)), 500'000);
  // A month at the least weight does not overflow.
  EXPECT_GT(charge(Duration::seconds(30 * 86'400), weight_of(kHighestNice)), 0);
}

TEST(PolicyTest, ASleeperGetsABoundedCredit) {
  EXPECT_EQ(place_waking(0, 1'000'000'000), 1'000'000'000 - kSleeperCredit);
  EXPECT_EQ(place_waking(2'000'000'000, 1'000'000'000), 2'000'000'000);
  // Enough to preempt who has been running.
  EXPECT_TRUE(waking_preempts(place_waking(0, 1'000'000'000), 1'000'000'000));
  EXPECT_FALSE(waking_preempts(1'000'000'000, 1'000'000'000));
}

TEST(PolicyTest, PollingStopsSoonOnAQuietCpu) {
  Duration window = next_poll_window(Duration(), Duration::microseconds(20));
  EXPECT_EQ(window, kPollWindow);
  int periods = 0;
  while (window > Duration()) {
    window = next_poll_window(window, Duration::milliseconds(10));
    ++periods;
  }
  EXPECT_LE(periods, 5);
}

TEST(PolicyTest, LoadIsNotPassedToAndFro) {
  EXPECT_FALSE(worth_moving(2, 1));
  EXPECT_TRUE(worth_moving(2, 0));
  // After the move the other way is not worth it.
  EXPECT_FALSE(worth_moving(1, 1));
}

TEST(PolicyTest, RealTimeAndIdlePoliciesOverrideNice) {
  EXPECT_EQ(weight_of(Policy::kFifo, 10), weight_of(kLowestNice));
  EXPECT_EQ(weight_of(Policy::kIdle, -5), weight_of(kHighestNice));
  EXPECT_EQ(weight_of(Policy::kBatch, 3), weight_of(3));
}

}  // namespace
}  // namespace mokapot::policy
