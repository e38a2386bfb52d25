// SPDX-License-Identifier: Apache-2.0
//
// The fakes themselves, as far as other tests lean on them.

#include <gtest/gtest.h>

#include <cstring>

#include "arch/memory_copy.h"
#include "base/assert.h"
#include "fakes/memory_copy.h"
#include "fakes/physical_memory.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

TEST(Fakes, CopyStopsAtTheFaultingByte) {
  char from[64] = "abcdefgh", to[64] = {};
  fake::make_range_fault(from + 4, 1);
  EXPECT_EQ(arch::copy_or_fault(to, from, 8), 4u);
  EXPECT_STREQ(to, "abcd");
  EXPECT_EQ(arch::copy_string_or_fault(to, from, 64), -1);
  fake::clear_faulting_ranges();
  EXPECT_EQ(arch::copy_or_fault(to, from, 8), 0u);
}

TEST(Fakes, FramesAreCountedAndLimited) {
  const std::uint64_t free = frame_statistics().free_frames;
  fake::limit_frames(3);
  const PhysAddr pair = allocate_frames(1, FrameUse::kHeap, FrameContents::kZeroed).take();
  EXPECT_TRUE(is_aligned(pair.page_number() - PhysAddr(fake::kPhysicalBase).page_number(), 2));
  EXPECT_EQ(allocate_frames(1, FrameUse::kHeap, FrameContents::kZeroed).error(), Errno::kENOMEM);
  EXPECT_EQ(&frame_at(pair + kPageSize), &frame_at(pair) + 1);
  EXPECT_EQ(from_direct_map(direct_map(pair)), pair);
  free_frames(pair, 1);
  fake::limit_frames(-1);
  EXPECT_EQ(frame_statistics().free_frames, free);
}

TEST(FakesDeathTest, PanicAborts) { EXPECT_DEATH(panic("number %d", 7), "panic: number 7"); }
TEST(FakesDeathTest, AssertNamesItsCondition) { EXPECT_DEATH(ASSERT(1 == 2), "1 == 2"); }

}  // namespace
}  // namespace mokapot
