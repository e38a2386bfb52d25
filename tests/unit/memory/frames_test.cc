// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/memory/frames.cc kernel/memory/buddy.cc kernel/memory/frame_map.cc kernel/memory/heap.cc
//
// The frame allocator with its per-CPU caches, and the kernel heap on top of it.

#include "memory/frames.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "arch/cpu.h"
#include "fakes/physical_memory.h"
#include "memory/heap.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kSize = 64 << 20;

std::uint64_t used(FrameUse use) {
  return frame_statistics().used_by[static_cast<std::size_t>(use)];
}

class FramesTest : public testing::Test {
 protected:
  void SetUp() override {
    fake::reset_cpu();
    static const bool once = [] {
      const MemoryRange range{PhysAddr(fake::kPhysicalBase), PhysAddr(fake::kPhysicalBase + kSize)};
      initialise_frames(&range, 1);
      initialise_heap();
      return true;
    }();
    ASSERT_TRUE(once);
  }
};

TEST_F(FramesTest, CountsByUse) {
  const std::uint64_t free = frame_statistics().free_frames;
  const PhysAddr a = allocate_frame(FrameUse::kAnonymous, FrameContents::kZeroed).take();
  const PhysAddr b = allocate_frames(4, FrameUse::kPageCache, FrameContents::kUninitialised).take();
  EXPECT_EQ(used(FrameUse::kAnonymous), 1u);
  EXPECT_EQ(used(FrameUse::kPageCache), 16u);
  change_frame_use(a, FrameUse::kTmpfs);
  EXPECT_EQ(used(FrameUse::kAnonymous), 0u);
  EXPECT_EQ(used(FrameUse::kTmpfs), 1u);
  EXPECT_EQ(frame_statistics().free_frames, free - 17);
  free_frame(a);
  free_frames(b, 4);
  EXPECT_EQ(frame_statistics().free_frames, free);
}

TEST_F(FramesTest, ZeroedMeansZeroedAfterUse) {
  for (int round = 0; round < 300; ++round) {
    const PhysAddr frame = allocate_frame(FrameUse::kAnonymous, FrameContents::kZeroed).take();
    auto* bytes = static_cast<unsigned char*>(direct_map(frame));
    for (std::size_t i = 0; i < kPageSize; i += 512) ASSERT_EQ(bytes[i], 0);
    std::memset(bytes, 0xff, kPageSize);
    free_frame(frame);
    if (round % 3 == 0) prepare_zeroed_frame();
  }
}

TEST_F(FramesTest, ThePoolTakesRecycledFramesOnlyAndIsCapped) {
  std::vector<PhysAddr> frames;
  for (int i = 0; i < 400; ++i) {
    frames.push_back(allocate_frame(FrameUse::kAnonymous, FrameContents::kUninitialised).take());
  }
  for (const PhysAddr frame : frames) free_frame(frame);
  int prepared = 0;
  while (prepare_zeroed_frame()) ++prepared;
  EXPECT_GT(prepared, 0);
  EXPECT_LE(prepared, 128);
}

TEST_F(FramesTest, ASplitBlockIsFreedFrameByFrame) {
  const std::uint64_t free = frame_statistics().free_frames;
  const PhysAddr block =
      allocate_frames(kHugeFrameOrder, FrameUse::kAnonymous, FrameContents::kUninitialised).take();
  split_allocated_block(block, kHugeFrameOrder);
  EXPECT_EQ(used(FrameUse::kAnonymous), 512u);
  for (std::uint64_t i = 0; i < 512; ++i) free_frame(block + i * kPageSize);
  EXPECT_EQ(used(FrameUse::kAnonymous), 0u);
  EXPECT_EQ(frame_statistics().free_frames, free);
}

TEST_F(FramesTest, ExhaustionIsAnErrorAndEverythingComesBack) {
  const std::uint64_t free = frame_statistics().free_frames;
  std::vector<PhysAddr> frames;
  while (true) {
    Result<PhysAddr> frame = allocate_frame(FrameUse::kAnonymous, FrameContents::kUninitialised);
    if (!frame.ok()) {
      EXPECT_EQ(frame.error(), Errno::kENOMEM);
      break;
    }
    frames.push_back(frame.value());
  }
  EXPECT_EQ(frames.size(), free);
  EXPECT_EQ(frame_statistics().free_frames, 0u);
  EXPECT_EQ(heap_allocate(5000), nullptr);
  for (const PhysAddr frame : frames) free_frame(frame);
  EXPECT_EQ(frame_statistics().free_frames, free);
  EXPECT_TRUE(allocate_frames(kMaxFrameOrder, FrameUse::kKernel, FrameContents::kUninitialised).ok());
}

TEST_F(FramesTest, FramesMayBeFreedOnAnotherCpu) {
  const std::uint64_t free = frame_statistics().free_frames;
  std::vector<std::thread> threads;
  for (std::uint32_t cpu = 1; cpu <= 4; ++cpu) {
    threads.emplace_back([cpu] {
      fake::cpu.index = cpu;
      std::vector<PhysAddr> mine;
      for (int i = 0; i < 3000; ++i) {
        Result<PhysAddr> frame = allocate_frame(FrameUse::kAnonymous, FrameContents::kUninitialised);
        ASSERT_TRUE(frame.ok());
        *static_cast<std::uint32_t*>(direct_map(frame.value())) = cpu;
        mine.push_back(frame.value());
        if (mine.size() > 200) {
          ASSERT_EQ(*static_cast<std::uint32_t*>(direct_map(mine.back())), cpu);
          free_frame(mine.back());
          mine.pop_back();
          fake::cpu.index = 5 + cpu % 2 * 2 + (cpu > 2);  // another CPU of its own
          free_frame(mine.back());
          mine.pop_back();
          fake::cpu.index = cpu;
        }
      }
      for (const PhysAddr frame : mine) free_frame(frame);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(used(FrameUse::kAnonymous), 0u);
  EXPECT_EQ(frame_statistics().free_frames, free);
}

// --- Heap -------------------------------------------------------------------------------------------

TEST_F(FramesTest, HeapBlocksAreAlignedAndDisjoint) {
  std::mt19937 random(11);
  struct Block {
    unsigned char* begin;
    std::size_t size;
    unsigned char fill;
  };
  std::vector<Block> blocks;
  const std::size_t before = heap_bytes_in_use();
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 || blocks.empty()) {
      const std::size_t size = random() % 10 == 0 ? random() % 40'000 : random() % 2100;
      const std::size_t alignment = std::size_t{1} << (random() % 8 + 3);
      auto* begin = static_cast<unsigned char*>(heap_allocate(size, alignment));
      ASSERT_NE(begin, nullptr);
      ASSERT_TRUE(is_aligned(reinterpret_cast<std::uintptr_t>(begin), alignment));
      const auto fill = static_cast<unsigned char>(random());
      std::memset(begin, fill, size);
      blocks.push_back({begin, size, fill});
    } else {
      const std::size_t victim = random() % blocks.size();
      const Block block = blocks[victim];
      for (std::size_t i = 0; i < block.size; ++i) ASSERT_EQ(block.begin[i], block.fill);
      heap_free(block.begin);
      blocks[victim] = blocks.back();
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) heap_free(block.begin);
  EXPECT_EQ(heap_bytes_in_use(), before);
  heap_free(nullptr);
}

TEST_F(FramesTest, HeapGivesFramesBack) {
  std::vector<void*> objects;
  for (int i = 0; i < 10'000; ++i) objects.push_back(heap_allocate(200));
  EXPECT_GE(used(FrameUse::kHeap), 10'000u * 200 / kPageSize);
  for (void* object : objects) heap_free(object);
  EXPECT_LE(used(FrameUse::kHeap), 14u);  // at most one empty slab a size class
}

TEST_F(FramesTest, LargeBlocksCostWholePagesOnly) {
  const std::uint64_t before = used(FrameUse::kHeap);
  void* block = heap_allocate(5 * kPageSize);
  EXPECT_EQ(used(FrameUse::kHeap), before + 5);
  heap_free(block);
  EXPECT_EQ(used(FrameUse::kHeap), before);
  EXPECT_EQ(heap_allocate(std::size_t{8} << 20), nullptr);  // beyond the largest block
}

// What the page cache would give back.
std::vector<PhysAddr> spare;
bool give_back_some() {
  for (int i = 0; i < 64 && !spare.empty(); ++i) {
    free_frame(spare.back());
    spare.pop_back();
  }
  return !spare.empty();
}

TEST_F(FramesTest, TheHeapAsksForMemoryBackWhereItMay) {
  while (auto frame = allocate_frame(FrameUse::kPageCache, FrameContents::kUninitialised)) spare.push_back(frame.value());
  std::vector<void*> objects;
  while (void* object = heap_allocate(2048)) objects.push_back(object);  // what slabs have left
  set_memory_reclaimer(give_back_some);
  const std::size_t before = spare.size();
  objects.push_back(heap_allocate(2048));
  EXPECT_NE(objects.back(), nullptr);
  EXPECT_LT(spare.size(), before);
  for (void* object : objects) heap_free(object);
  while (!spare.empty()) {
    free_frame(spare.back());
    spare.pop_back();
  }
  set_memory_reclaimer(nullptr);
}

TEST_F(FramesTest, TheHeapAsksNobodyWhereItMustNotBlock) {
  while (auto frame = allocate_frame(FrameUse::kPageCache, FrameContents::kUninitialised)) spare.push_back(frame.value());
  std::vector<void*> objects;
  while (void* object = heap_allocate(2048)) objects.push_back(object);
  set_memory_reclaimer(give_back_some);
  arch::preempt_disable();
  EXPECT_EQ(heap_allocate(2048), nullptr);
  (void)arch::preempt_enable();
  for (void* object : objects) heap_free(object);
  while (!spare.empty()) {
    free_frame(spare.back());
    spare.pop_back();
  }
  set_memory_reclaimer(nullptr);
}

}  // namespace
}  // namespace mokapot
