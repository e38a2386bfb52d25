// SPDX-License-Identifier: Apache-2.0
// sources: kernel/sync/lock_order.cc
//
// The rank checker must pass every legal nesting and stop the others.

#include "sync/lock_order.h"

#include <gtest/gtest.h>

namespace mokapot {
namespace {

class LockOrderTest : public testing::Test {
 protected:
  // Two addresses in ascending order.
  int locks_[4] = {};
  HeldLocks held_;
};
using LockOrderDeathTest = LockOrderTest;

TEST_F(LockOrderTest, AscendingRanksNest) {
  held_.push(&locks_[0], LockRank::kFutexBucket, LockContext::kThread);
  held_.push(&locks_[1], LockRank::kRunQueue, LockContext::kThread);
  EXPECT_TRUE(held_.holds(&locks_[0]));
  held_.pop(&locks_[1]);
  held_.pop(&locks_[0]);
  EXPECT_EQ(held_.count(), 0u);
}

TEST_F(LockOrderTest, ReleaseInAnyOrder) {
  held_.push(&locks_[0], LockRank::kInode, LockContext::kThread);
  held_.push(&locks_[1], LockRank::kPageCache, LockContext::kThread);
  held_.pop(&locks_[0]);
  EXPECT_TRUE(held_.holds(&locks_[1]));
  EXPECT_FALSE(held_.holds(&locks_[0]));
  // The outer one is gone, so its rank does not bind any more.
  held_.pop(&locks_[1]);
  held_.push(&locks_[0], LockRank::kProcess, LockContext::kThread);
  EXPECT_EQ(held_.count(), 1u);
}

TEST_F(LockOrderTest, EqualRanksNestByAddress) {
  held_.push(&locks_[0], LockRank::kFutexBucket, LockContext::kThread);
  held_.push(&locks_[1], LockRank::kFutexBucket, LockContext::kThread);
  EXPECT_EQ(held_.count(), 2u);
}

TEST_F(LockOrderTest, SleepingLocksOfOneRankNestAsTheirOwnerOrdersThem) {
  held_.push(&locks_[1], LockRank::kInode, LockContext::kThread);
  held_.push(&locks_[0], LockRank::kInode, LockContext::kThread);
  EXPECT_EQ(held_.count(), 2u);
}

TEST_F(LockOrderTest, AnInterruptBeginsAnew) {
  held_.push(&locks_[0], LockRank::kPageTable, LockContext::kThread);
  held_.push(&locks_[1], LockRank::kReadiness, LockContext::kInterrupt);
  EXPECT_EQ(held_.count(), 2u);
}

TEST_F(LockOrderDeathTest, DescendingRanks) {
  held_.push(&locks_[0], LockRank::kRunQueue, LockContext::kThread);
  EXPECT_DEATH(held_.push(&locks_[1], LockRank::kFutexBucket, LockContext::kThread), "lock order");
}

TEST_F(LockOrderDeathTest, EqualRanksAgainstTheAddresses) {
  held_.push(&locks_[1], LockRank::kFutexBucket, LockContext::kThread);
  EXPECT_DEATH(held_.push(&locks_[0], LockRank::kFutexBucket, LockContext::kThread), "lock order");
}

TEST_F(LockOrderDeathTest, TheSameLockTwice) {
  held_.push(&locks_[0], LockRank::kInode, LockContext::kThread);
  EXPECT_DEATH(held_.push(&locks_[0], LockRank::kInode, LockContext::kThread), "twice");
}

TEST_F(LockOrderDeathTest, ReleaseOfALockThatIsNotHeld) {
  EXPECT_DEATH(held_.pop(&locks_[0]), "does not hold");
}

}  // namespace
}  // namespace mokapot
