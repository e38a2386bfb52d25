// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/vm/address_space.cc kernel/vm/address_space_protect.cc kernel/vm/address_space_remap.cc
// sources: kernel/vm/address_space_advise.cc kernel/vm/address_space_query.cc kernel/vm/address_space_patch.cc kernel/vm/fault.cc
// sources: kernel/vm/page_edit.cc kernel/vm/page_source.cc kernel/vm/pressure.cc kernel/vm/region_tree.cc
// sources: kernel/vm/resident.cc kernel/vm/shared_memory.cc kernel/vm/tlb_gather.cc kernel/vm/huge_pool.cc
// sources: kernel/memory/frames.cc kernel/memory/buddy.cc kernel/memory/frame_map.cc
// sources: kernel/memory/page_table.cc kernel/memory/kernel_area.cc tests/unit/vm/fake_kernel.cc
//
// Faults on files and their races, exhaustion, and CPUs that fault at once.

#include <atomic>
#include <thread>
#include <vector>

#include "vm/address_space_fixture.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

// --- Faults on files --------------------------------------------------------------------------------------

TEST_F(AddressSpaceTest, ReadingMapsNeighboursThatAreCached) {
  RefPtr<TestFile> file = make_file(64);
  map_file(kBase, file, 64, Sharing::kPrivate);
  EXPECT_EQ(value_at(kBase + 20 * kPageSize), 120u);
  EXPECT_FALSE(is_populated(kBase + 21 * kPageSize));  // not in the cache
  for (int i = 32; i < 64; ++i) (void)file->frame_for_mapping(i, false).take();
  EXPECT_EQ(value_at(kBase + 40 * kPageSize), 140u);
  EXPECT_TRUE(is_populated(kBase + 32 * kPageSize));
  EXPECT_TRUE(is_populated(kBase + 47 * kPageSize));
  EXPECT_FALSE(is_populated(kBase + 48 * kPageSize));
  for (int i = 32; i < 64; ++i) file->release_frame(file->cached_frame_for_mapping(i).take(), false);
  ASSERT_TRUE(space().unmap(kBase, 64 * kPageSize).ok());
  // The references that this test took with frame_for_mapping:
  for (int i = 32; i < 64; ++i) {
    const PhysAddr frame = file->cached_frame_for_mapping(i).take();
    file->release_frame(frame, false);
    file->release_frame(frame, false);
  }
}

TEST_F(AddressSpaceTest, PrivateWritesStayPrivate) {
  fake::set_online_cpus(3);
  RefPtr<TestFile> file = make_file(4);
  map_file(kBase, file, 4, Sharing::kPrivate);
  map_file(kBase + kMiB, file, 4, Sharing::kShared);
  EXPECT_EQ(value_at(kBase), 100u);
  const std::uint64_t calls = fake::cross_calls();
  ASSERT_EQ(write_word(kBase, 1), FaultOutcome::kResolved);
  EXPECT_EQ(fake::cross_calls(), calls + 1);  // the old translation had to go everywhere first
  ASSERT_EQ(write_word(kBase + kPageSize, 2), FaultOutcome::kResolved);
  EXPECT_EQ(value_at(kBase + kMiB), 100u);
  EXPECT_EQ(file->word(1), 101u);
  ASSERT_EQ(write_word(kBase + kMiB, 3), FaultOutcome::kResolved);
  EXPECT_EQ(value_at(kBase), 1u);
  EXPECT_EQ(file->word(0), 3u);
  ASSERT_TRUE(space().advise(kBase, kPageSize, kDontNeed).ok());
  EXPECT_EQ(value_at(kBase), 3u);
}

TEST_F(AddressSpaceTest, TheSourceHearsOfTheFirstSharedWrite) {
  RefPtr<TestFile> file = make_file(4);
  map_file(kBase, file, 4, Sharing::kShared);
  EXPECT_EQ(value_at(kBase), 100u);
  EXPECT_EQ(file->write_requests, 0u);
  ASSERT_EQ(write_word(kBase, 1), FaultOutcome::kResolved);
  EXPECT_EQ(file->write_requests, 1u);
  ASSERT_EQ(write_word(kBase, 2), FaultOutcome::kResolved);
  EXPECT_EQ(file->write_requests, 1u);
  EXPECT_EQ(file->mapped_references(), 1u);
}

TEST_F(AddressSpaceTest, BeyondTheEndIsABusError) {
  RefPtr<TestFile> file = make_file(2);
  map_file(kBase, file, 4, Sharing::kShared);
  map_file(kBase + kMiB, file, 4, Sharing::kPrivate);
  EXPECT_EQ(write_word(kBase + 2 * kPageSize, 1), FaultOutcome::kBusError);
  ASSERT_EQ(write_word(kBase + kMiB + kPageSize, 5), FaultOutcome::kResolved);
  EXPECT_EQ(value_at(kBase + kPageSize), 101u);
  file->truncate(1);
  std::uint64_t value;
  EXPECT_EQ(read_word(kBase + kPageSize, value), FaultOutcome::kBusError);
  EXPECT_EQ(read_word(kBase + kMiB + kPageSize, value), FaultOutcome::kBusError);  // the copy went too
}

TEST_F(AddressSpaceTest, AFaultThatLosesToTruncationAsksAgain) {
  RefPtr<TestFile> file = make_file(4);
  map_file(kBase, file, 4, Sharing::kShared);
  file->interlude = [](TestFile& f) { f.truncate(1); };  // after the frame was given, before it is mapped
  std::uint64_t value;
  EXPECT_EQ(read_word(kBase + 2 * kPageSize, value), FaultOutcome::kBusError);
  EXPECT_EQ(file->mapped_references(), 0u);
}

TEST_F(AddressSpaceTest, AFaultThatLosesToEvictionAsksAgain) {
  RefPtr<TestFile> file = make_file(4);
  map_file(kBase, file, 4, Sharing::kPrivate);
  file->interlude = [](TestFile& f) { f.unmap_pages(0, 4, PageSource::PrivateCopies::kKeep); };
  EXPECT_EQ(value_at(kBase + 2 * kPageSize), 102u);
  EXPECT_EQ(file->mapped_references(), 1u);
}

TEST_F(AddressSpaceTest, LargeFileMappingsGoInOneCall) {
  RefPtr<TestFile> file = make_file(3000);
  map_file(kBase, file, 3000, Sharing::kShared);
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(value_at(kBase + i * kPageSize), 100u + i);
  file->evict(0, 3000);
  EXPECT_EQ(file->mapped_references(), 0u);
  EXPECT_EQ(resident_bytes().of[1], 0u);
  EXPECT_EQ(value_at(kBase + 2999 * kPageSize), 3099u);
}

// --- Out of memory and concurrency ------------------------------------------------------------------------

TEST_F(AddressSpaceTest, OutOfMemoryIsReportedAndRecoverable) {
  MapRequest request = anonymous(300 * kMiB);
  request.no_reserve = true;
  const VirtAddr place = space().map(request).take();
  std::uint64_t touched = 0;
  while (write_word(place + touched * kPageSize, 1) == FaultOutcome::kResolved) ++touched;
  EXPECT_EQ(space().handle_fault(place + touched * kPageSize, FaultAccess::kWrite),
            FaultOutcome::kOutOfMemory);
  EXPECT_GT(touched, 200 * kMiB / kPageSize);
  EXPECT_GT(frame_statistics().free_frames, 8u);  // the kernel is left some
  log_memory_holders();
  ASSERT_TRUE(space().unmap(place, 200 * kMiB).ok());
  EXPECT_EQ(write_word(place + touched * kPageSize, 1), FaultOutcome::kResolved);
}

TEST_F(AddressSpaceTest, CpusFaultOnTheSamePagesWhileOthersMap) {
  fake::set_online_cpus(0xff);
  map_at(kBase, 8 * kMiB);
  ASSERT_TRUE(space().advise(kBase, 4 * kMiB, kNoHugePage).ok());
  RefPtr<TestFile> file = make_file(64);
  std::vector<std::thread> threads;
  std::atomic<int> running{4};
  for (std::uint32_t cpu = 1; cpu <= 4; ++cpu) {
    threads.emplace_back([&, cpu] {
      fake::cpu.index = cpu;
      for (int round = 0; round < 3; ++round) {
        for (std::uint64_t offset = 0; offset < 8 * kMiB; offset += kPageSize) {
          ASSERT_EQ(space().handle_fault(kBase + offset, FaultAccess::kWrite), FaultOutcome::kResolved);
        }
        ASSERT_TRUE(space().advise(kBase + round * kMiB + 3 * kPageSize, kMiB, kDontNeed).ok());
      }
      --running;
    });
  }
  while (running > 0) {
    map_file(kBase + 64 * kMiB, file, 64, Sharing::kPrivate);
    ASSERT_EQ(write_word(kBase + 64 * kMiB, 1), FaultOutcome::kResolved);
    ASSERT_TRUE(space().protect(kBase + 4 * kMiB, kMiB, kReadWrite).ok());
    ASSERT_TRUE(space().unmap(kBase + 64 * kMiB, 64 * kPageSize).ok());
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(space().unmap(kBase, 8 * kMiB).ok());
  EXPECT_EQ(resident_bytes().of[0], 0u);
}

}  // namespace
}  // namespace mokapot
