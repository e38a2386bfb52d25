// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/memory/buddy.cc kernel/memory/frame_map.cc
//
// The buddy system and the map of frame records, on ranges inside the fake physical memory.

#include "memory/buddy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "fakes/physical_memory.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

PhysAddr at(std::uint64_t offset) { return PhysAddr(fake::kPhysicalBase + offset); }

class BuddyTest : public testing::Test {
 protected:
  void give(std::initializer_list<MemoryRange> ranges) {
    map_.initialise(ranges.begin(), ranges.size());
  }
  static void receive(PhysAddr begin, PhysAddr end, void* test) {
    static_cast<BuddyTest*>(test)->buddy_.free_range(begin, end);
  }
  void grow_all() {
    while (map_.grow(receive, this)) {
    }
  }
  // As the allocator above does, so that merging sees allocated frames as such.
  bool allocate(unsigned order, PhysAddr& block) { return buddy_.allocate(order, block); }
  void free(PhysAddr block, unsigned order) { buddy_.free(block, order); }

  FrameMap map_;
  Buddy buddy_{map_};
};

TEST_F(BuddyTest, HandsOutAllButTheRecords) {
  give({{at(0), at(40 * kMiB)}});
  grow_all();
  EXPECT_EQ(buddy_.free_frames(), map_.usable_frames());
  EXPECT_EQ(map_.ungrown_frames(), 0u);
  const std::uint64_t all = 40 * kMiB / kPageSize;
  EXPECT_LT(map_.usable_frames(), all);
  EXPECT_GT(map_.usable_frames(), all - all / 64);  // records cost under 1.6%
}

TEST_F(BuddyTest, GrowsAsNeededAndNotBefore) {
  give({{at(0), at(64 * kMiB)}});
  ASSERT_TRUE(map_.grow(receive, this));
  EXPECT_LE(buddy_.free_frames(), kGrowthSize / kPageSize);
  EXPECT_TRUE(map_.covers(at(0)));
  EXPECT_FALSE(map_.covers(at(40 * kMiB)));
  grow_all();
  EXPECT_TRUE(map_.covers(at(40 * kMiB)));
  EXPECT_FALSE(map_.covers(at(64 * kMiB)));
}

TEST_F(BuddyTest, RecordsAndAddressesAreInverse) {
  // Two spans: 1 MiB up, and beyond a hole that ends in another section.
  give({{at(0), at(20 * kMiB)}, {at(200 * kMiB), at(220 * kMiB)}});
  grow_all();
  for (const std::uint64_t offset : {3 * kMiB, 19 * kMiB, 201 * kMiB, 219 * kMiB + 0x5000}) {
    EXPECT_EQ(map_.address_of(map_.at(at(offset))), at(offset));
    EXPECT_TRUE(map_.covers(at(offset)));
  }
  EXPECT_FALSE(map_.covers(at(100 * kMiB)));
}

TEST_F(BuddyTest, HolesAreNeverHandedOut) {
  give({{at(0), at(3 * kMiB)}, {at(5 * kMiB), at(9 * kMiB)}});
  grow_all();
  PhysAddr frame;
  while (allocate(0, frame)) {
    EXPECT_TRUE(frame < at(3 * kMiB) || (frame >= at(5 * kMiB) && frame < at(9 * kMiB)));
  }
  EXPECT_EQ(buddy_.free_frames(), 0u);
}

TEST_F(BuddyTest, BlocksAreAlignedAndMergeAgain) {
  give({{at(0), at(32 * kMiB)}});
  grow_all();
  const std::uint64_t before = buddy_.free_frames();
  PhysAddr largest;
  ASSERT_TRUE(allocate(kMaxFrameOrder, largest));
  EXPECT_TRUE(is_aligned(largest.value(), kPageSize << kMaxFrameOrder));
  free(largest, kMaxFrameOrder);
  // Take everything as single frames, give it back in another order: large blocks must be there again.
  std::vector<PhysAddr> frames;
  PhysAddr frame;
  while (allocate(0, frame)) frames.push_back(frame);
  EXPECT_EQ(frames.size(), before);
  std::shuffle(frames.begin(), frames.end(), std::mt19937(7));
  for (const PhysAddr f : frames) free(f, 0);
  EXPECT_EQ(buddy_.free_frames(), before);
  EXPECT_TRUE(allocate(kMaxFrameOrder, largest));
}

TEST_F(BuddyTest, RandomBlocksNeverOverlap) {
  give({{at(0), at(24 * kMiB)}});
  grow_all();
  const std::uint64_t before = buddy_.free_frames();
  std::mt19937 random(3);
  std::map<std::uint64_t, unsigned> taken;  // page number to order
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 || taken.empty()) {
      const unsigned order = random() % (kMaxFrameOrder + 1) * (random() % 2);
      PhysAddr block;
      if (!allocate(order, block)) continue;
      const std::uint64_t page = block.page_number();
      ASSERT_TRUE(is_aligned(page, std::uint64_t{1} << order));
      const auto after = taken.lower_bound(page);
      if (after != taken.end()) {
        ASSERT_LE(page + (1u << order), after->first);
      }
      if (after != taken.begin()) {
        const auto previous = std::prev(after);
        ASSERT_LE(previous->first + (1u << previous->second), page);
      }
      taken[page] = order;
    } else {
      auto victim = std::next(taken.begin(), random() % taken.size());
      free(PhysAddr(victim->first << kPageShift), victim->second);
      taken.erase(victim);
    }
  }
  for (const auto& [page, order] : taken) free(PhysAddr(page << kPageShift), order);
  EXPECT_EQ(buddy_.free_frames(), before);
}

TEST_F(BuddyTest, MemoryKeptBackIsAddedLater) {
  give({{at(0), at(8 * kMiB)}, {at(12 * kMiB), at(48 * kMiB)}});
  ASSERT_TRUE(map_.grow(receive, this));
  ASSERT_TRUE(map_.grow(receive, this));
  const std::uint64_t before = map_.usable_frames();
  // One half of it below what has been initialised, one above.
  ASSERT_TRUE(map_.add({at(8 * kMiB), at(12 * kMiB)}, receive, this));
  EXPECT_EQ(map_.usable_frames(), before + 4 * kMiB / kPageSize);
  grow_all();
  EXPECT_EQ(buddy_.free_frames(), map_.usable_frames());
  EXPECT_FALSE(map_.add({at(250 * kMiB), at(251 * kMiB)}, receive, this));
}

}  // namespace
}  // namespace mokapot
