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

constexpr Duration kWithinWindow = Duration::microseconds(20), kShort = Duration::microseconds(300),
                   kLong = Duration::milliseconds(10);

TEST(PolicyTest, PollingGoesOnWhileItPays) {
  Polling poll = next_polling({}, kShort);
  EXPECT_EQ(poll.window, kPollWindow);
  for (int i = 0; i < 100; ++i) poll = next_polling(poll, kWithinWindow);
  EXPECT_EQ(poll.window, kPollWindow);
  // One miss among hits does not end it.
  poll = next_polling(next_polling(poll, kShort), kWithinWindow);
  EXPECT_EQ(poll.window, kPollWindow);
}

TEST(PolicyTest, PollingStopsSoonWhereNothingComes) {
  for (const Duration period : {kShort, kLong}) {
    Polling poll = next_polling({}, kShort);
    int steps = 0;
    while (poll.window > Duration()) {
      poll = next_polling(poll, period);
      ++steps;
    }
    EXPECT_LE(steps, 4);
  }
}

// Short periods that are longer than the window: a CPU that waits for the host.
TEST(PolicyTest, PollingInVainIsRare) {
  Polling poll;
  Duration polled;
  constexpr int kPeriods = 1000;
  for (int i = 0; i < kPeriods; ++i) {
    polled = polled + std::min(poll.window, kShort);
    poll = next_polling(poll, kShort);
  }
  EXPECT_LT(polled, Duration::microseconds(10 * kPeriods));
}

TEST(PolicyTest, AQuietCpuDoesNotPoll) {
  Polling poll;
  for (int i = 0; i < 10; ++i) {
    poll = next_polling(poll, kLong);
    EXPECT_EQ(poll.window, Duration());
  }
}

TEST(PolicyTest, InterruptsAreServedWhereTheyCome) {
  EXPECT_TRUE(wakes_at_waker(true, true, false, 0));
  EXPECT_TRUE(wakes_at_waker(true, true, false, 3));
  EXPECT_FALSE(wakes_at_waker(true, false, true, 0)) << "an ordinary thread that a timer wakes";
  EXPECT_TRUE(wakes_at_waker(false, false, true, 0)) << "the first that was waited for";
  EXPECT_FALSE(wakes_at_waker(false, false, true, 1)) << "the second";
  EXPECT_FALSE(wakes_at_waker(false, false, false, 0));
  EXPECT_FALSE(wakes_at_waker(false, true, false, 0)) << "woken by a lock's release";
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
