// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/memory/page_table.cc kernel/memory/kernel_area.cc
//
// Walking and editing the page table, over the fake frames and entries.

#include "memory/page_table.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "arch/cpu.h"
#include "fakes/physical_memory.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

std::uint64_t tables() {
  return frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kPageTable)];
}

void retire(PhysAddr table, void*) { free_frame(table); }
void free_all() {
  const VirtAddr end(std::uint64_t{1} << 47);
  free_empty_tables({VirtAddr(), end, VirtAddr(), end}, retire, nullptr);
}

class PageTableTest : public testing::Test {
 protected:
  void SetUp() override {
    fake::reset_cpu();
    (void)arch::page_table_root();
  }
};

TEST_F(PageTableTest, MakesTablesOnceAndFindsThem) {
  const VirtAddr address(0x1234'5678'9000);
  const std::uint64_t before = tables();
  EXPECT_EQ(existing_page_table_slot(address, 0), nullptr);
  EXPECT_EQ(find_page_table_slot(address).slot, nullptr);
  PageTableSlot* slot = page_table_slot(address, 0).take();
  EXPECT_EQ(tables(), before + 3);
  EXPECT_EQ(page_table_slot(address, 0).take(), slot);
  EXPECT_EQ(existing_page_table_slot(address, 0), slot);
  EXPECT_EQ(find_page_table_slot(address).slot, slot);
  EXPECT_EQ(page_table_slot(address + kPageSize, 0).take(), slot + 1);
  free_all();
  EXPECT_EQ(tables(), before);
}

TEST_F(PageTableTest, ALargeLeafIsInTheWay) {
  const VirtAddr address(0x2000'0020'0000);
  PageTableSlot* slot = page_table_slot(address, 1).take();
  slot->store(arch::PageTableEntry::leaf(PhysAddr(0x20'0000), {.write = true}, 1).raw());
  EXPECT_EQ(page_table_slot(address + kPageSize, 0).error(), Errno::kEEXIST);
  EXPECT_EQ(existing_page_table_slot(address, 0), nullptr);
  const FoundSlot found = find_page_table_slot(address + 5 * kPageSize);
  EXPECT_EQ(found.slot, slot);
  EXPECT_EQ(found.level, 1);
  slot->store(0);
  free_all();
}

TEST_F(PageTableTest, FreesOnlyWhatServesTheRangeAlone) {
  const VirtAddr base(0x3000'0000'0000);
  const std::uint64_t before = tables();
  PageTableSlot* kept = page_table_slot(base, 0).take();
  ASSERT_TRUE(page_table_slot(base + kHugePageSize, 0).ok());
  ASSERT_TRUE(page_table_slot(base + 2 * kHugePageSize, 0).ok());
  EXPECT_EQ(tables(), before + 5);
  const VirtAddr begin = base + kPageSize, middle_end = base + 2 * kHugePageSize + kPageSize;
  free_empty_tables({begin, middle_end, begin, middle_end}, retire, nullptr);
  EXPECT_EQ(tables(), before + 4);  // the middle one went
  EXPECT_EQ(existing_page_table_slot(base, 0), kept);
  EXPECT_EQ(existing_page_table_slot(base + kHugePageSize, 0), nullptr);
  EXPECT_NE(existing_page_table_slot(base + 2 * kHugePageSize, 0), nullptr);
  free_all();
  EXPECT_EQ(tables(), before);
}

TEST_F(PageTableTest, NextUsedSlotSkipsTerabytes) {
  const VirtAddr end(std::uint64_t{1} << 47);
  VirtAddr at(0x1'0000);
  EXPECT_EQ(next_used_slot(at, end), nullptr);
  const VirtAddr far(0x5000'4000'3000);
  ASSERT_TRUE(page_table_slot(far, 0).ok());
  at = VirtAddr(0x1'0000);
  PageTableSlot* slot = next_used_slot(at, end);
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(at, VirtAddr(align_down(far.value(), kHugePageSize)));
  // From inside, the address stays.
  at = far;
  EXPECT_EQ(next_used_slot(at, end), slot);
  EXPECT_EQ(at, far);
  at = VirtAddr(0x1'0000);
  EXPECT_EQ(next_used_slot(at, VirtAddr(align_down(far.value(), kHugePageSize))), nullptr);
  free_all();
}

TEST_F(PageTableTest, CpusThatRaceForATableAgree) {
  const std::uint64_t before = tables();
  for (int round = 0; round < 50; ++round) {
    const VirtAddr address(0x4000'0000'0000 + round * (std::uint64_t{1} << 39));
    std::vector<std::thread> threads;
    PageTableSlot* slots[4] = {};
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] { slots[i] = page_table_slot(address, 0).take(); });
    }
    for (std::thread& thread : threads) thread.join();
    for (PageTableSlot* slot : slots) EXPECT_EQ(slot, slots[0]);
  }
  EXPECT_EQ(tables(), before + 150);
  free_all();
  EXPECT_EQ(tables(), before);
}

TEST_F(PageTableTest, OutOfMemoryIsAnError) {
  fake::limit_frames(1);
  EXPECT_EQ(page_table_slot(VirtAddr(0x6000'0000'0000), 0).error(), Errno::kENOMEM);
  fake::limit_frames(-1);
  free_all();
}

// --- Kernel area ----------------------------------------------------------------------------------------

TEST_F(PageTableTest, StacksHaveGuardsAndAreReused) {
  const KernelStack first = allocate_kernel_stack().take();
  const KernelStack second = allocate_kernel_stack().take();
  EXPECT_EQ(first.top - first.bottom, kKernelStackSize);
  for (std::uint64_t i = 0; i < kKernelStackSize; i += kPageSize) {
    EXPECT_NE(find_page_table_slot(first.bottom + i).slot->load(), 0u);
  }
  for (const KernelStack& stack : {first, second}) {
    const FoundSlot guard = find_page_table_slot(stack.bottom - kPageSize);
    EXPECT_TRUE(guard.slot == nullptr || guard.slot->load() == 0);
  }
  free_kernel_stack(first);
  EXPECT_EQ(unused_stack_count(), 1u);
  EXPECT_EQ(allocate_kernel_stack().take().bottom, first.bottom);
  free_kernel_stack(first);
  free_kernel_stack(second);
}

TEST_F(PageTableTest, UnusedStacksGiveTheirFramesBack) {
  const auto in_use = [] {
    return frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kKernelStack)];
  };
  const std::uint64_t before = in_use();
  free_kernel_stack(allocate_kernel_stack().take());
  UnmappedStack stacks[4];
  const std::size_t count = unmap_unused_stacks(stacks, 4);
  ASSERT_GE(count, 1u);
  EXPECT_EQ(find_page_table_slot(stacks[0].begin).slot->load(), 0u);
  for (std::size_t i = 0; i < count; ++i) free_unmapped_stack(stacks[i]);
  EXPECT_LE(in_use(), before);
  EXPECT_EQ(unused_stack_count(), 0u);
}

TEST_F(PageTableTest, AStackThatDoesNotFitLeavesNothingBehind) {
  UnmappedStack stacks[8];
  const std::size_t spare = unmap_unused_stacks(stacks, 8);
  for (std::size_t i = 0; i < spare; ++i) free_unmapped_stack(stacks[i]);
  free_kernel_stack(allocate_kernel_stack().take());  // the tables are there now
  const std::size_t one = unmap_unused_stacks(stacks, 8);
  for (std::size_t i = 0; i < one; ++i) free_unmapped_stack(stacks[i]);
  const std::uint64_t before = frame_statistics().free_frames;
  fake::limit_frames(2);
  EXPECT_EQ(allocate_kernel_stack().error(), Errno::kENOMEM);
  fake::limit_frames(-1);
  EXPECT_EQ(frame_statistics().free_frames, before);
}

TEST_F(PageTableTest, DeviceWindowsAreUncachedAndKeepTheOffset) {
  void* window = map_device(PhysAddr(0xfee0'0020), 0x2000).take();
  const VirtAddr address(window);
  EXPECT_EQ(address.page_offset(), 0x20u);
  const arch::PageTableEntry entry(find_page_table_slot(address).slot->load());
  EXPECT_EQ(entry.frame(), PhysAddr(0xfee0'0000));
  EXPECT_EQ(entry.protection().cache, arch::CacheMode::kUncached);
  // 0x20..0x2020 spans three pages.
  EXPECT_NE(find_page_table_slot(address + 0x2000).slot->load(), 0u);
}

}  // namespace
}  // namespace mokapot
