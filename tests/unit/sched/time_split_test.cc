// SPDX-License-Identifier: Apache-2.0
// sources: kernel/sched/time_split.cc

#include "sched/time_split.h"

#include <gtest/gtest.h>

namespace mokapot {
namespace {

using Side = TimeSplit::Side;

void count(TimeSplit& split, Side side, int times) {
  for (int i = 0; i < times; ++i) split.count(side);
}

TEST(TimeSplit, WithoutSamplesAllIsTheApplications) {
  TimeSplit split;
  const SplitTime time = split.divide(Duration::milliseconds(7));
  EXPECT_EQ(time.user, Duration::milliseconds(7));
  EXPECT_EQ(time.system, Duration());
}

TEST(TimeSplit, TheSharesAreThoseOfTheSamples) {
  TimeSplit split;
  count(split, Side::kApplication, 30);
  count(split, Side::kKernel, 10);
  const SplitTime time = split.divide(Duration::milliseconds(400));
  EXPECT_EQ(time.user, Duration::milliseconds(300));
  EXPECT_EQ(time.system, Duration::milliseconds(100));
}

TEST(TimeSplit, NeitherPartFallsAndTheyAddUp) {
  TimeSplit split;
  count(split, Side::kKernel, 10);
  EXPECT_EQ(split.divide(Duration::milliseconds(100)).system, Duration::milliseconds(100));
  SplitTime last = split.divide(Duration::milliseconds(100));
  for (int ms = 110; ms < 400; ms += 10) {
    count(split, Side::kApplication, 1);
    const SplitTime now = split.divide(Duration::milliseconds(ms));
    EXPECT_GE(now.user, last.user);
    EXPECT_GE(now.system, last.system);
    EXPECT_EQ(now.user + now.system, Duration::milliseconds(ms));
    last = now;
  }
  EXPECT_EQ(last.system, Duration::milliseconds(100));
}

TEST(TimeSplit, AReaderThatComesLateSeesWhatWasShown) {
  TimeSplit split;
  count(split, Side::kApplication, 1);
  split.divide(Duration::milliseconds(50));
  const SplitTime late = split.divide(Duration::milliseconds(40));
  EXPECT_EQ(late.user, Duration::milliseconds(50));
}

}  // namespace
}  // namespace mokapot
