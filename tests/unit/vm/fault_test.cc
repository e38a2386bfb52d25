// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/vm/address_space.cc kernel/vm/address_space_protect.cc kernel/vm/address_space_remap.cc
// sources: kernel/vm/address_space_advise.cc kernel/vm/address_space_query.cc kernel/vm/address_space_patch.cc kernel/vm/code_pages.cc kernel/vm/fault.cc kernel/vm/fault_files.cc
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
#include "vm/tlb_gather.h"

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

// A file of 64 pages that nobody writes to, all of them in the cache, mapped privately at kBase.
class CopyAheadTest : public AddressSpaceTest {
 protected:
  void SetUp() override {
    AddressSpaceTest::SetUp();
    fake::set_online_cpus(3);
    file_ = make_file(kPages);
    file_->changes = false;
    for (std::uint64_t i = 0; i < kPages; ++i) file_->release_frame(file_->frame_for_mapping(i, false).take(), false);
    map_file(kBase, file_, kPages, Sharing::kPrivate);
  }
  std::uint64_t faults_of_write(std::uint64_t page, std::uint64_t value) {
    const std::uint64_t before = minor_faults();
    EXPECT_EQ(write_word(kBase + page * kPageSize, value), FaultOutcome::kResolved);
    return minor_faults() - before;
  }
  std::uint64_t copies() const { return frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kAnonymous)]; }

  static constexpr std::uint64_t kPages = 64;
  RefPtr<TestFile> file_;
};

TEST_F(CopyAheadTest, WritesInARowFaultLessAndLess) {
  (void)value_at(kBase);  // maps the neighbours, which nobody looks at
  std::uint64_t faults = 0;
  const std::uint64_t calls = fake::cross_calls();
  for (std::uint64_t i = 0; i < kPages; ++i) {
    faults += faults_of_write(i, 1000 + i);
    // What was copied ahead shows the file's contents until it is written to.
    if (i + 1 < kPages) {
      EXPECT_EQ(value_at(kBase + (i + 1) * kPageSize), 100 + i + 1);
    }
  }
  EXPECT_LE(faults, 12u);  // 1, 1, 1, 3, 7, 15, 15, 15 pages at a time, and a few reads of what was not mapped
  EXPECT_LE(fake::cross_calls() - calls, 12u);
  for (std::uint64_t i = 0; i < kPages; ++i) {
    EXPECT_EQ(value_at(kBase + i * kPageSize), 1000 + i);
    EXPECT_EQ(file_->word(i), 100 + i);
  }
  EXPECT_EQ(copies(), kPages);
}

TEST_F(CopyAheadTest, WritesHereAndThereCopyNothingElse) {
  for (std::uint64_t i = 0; i < kPages; i += 2) EXPECT_EQ(faults_of_write(i, 7), 1u);
  EXPECT_EQ(copies(), kPages / 2);
  // Downwards there is no row either.
  for (std::uint64_t i = kPages - 1; i > 40; i -= 2) (void)faults_of_write(i, 7);
}

TEST_F(CopyAheadTest, APageThatWasLookedAtIsCopiedAtItsOwnWrite) {
  for (std::uint64_t i = 0; i < kPages; ++i) (void)value_at(kBase + i * kPageSize);
  const std::uint64_t calls = fake::cross_calls();
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(faults_of_write(i, 7), 1u) << i;
  EXPECT_EQ(fake::cross_calls() - calls, 8u);  // each old translation goes from every CPU
  EXPECT_EQ(copies(), 8u);
}

TEST_F(CopyAheadTest, WhatOthersMayChangeIsNotCopiedAhead) {
  file_->changes = true;
  for (std::uint64_t i = 0; i < 16; ++i) (void)faults_of_write(i, 7);
  EXPECT_EQ(copies(), 16u);
}

// Whoever has taken something out, of whatever address, may still have to flush what the entry stood for before.
TEST_F(CopyAheadTest, NothingIsCopiedAheadWhileAFlushIsToCome) {
  (void)value_at(kBase);
  TlbGather pending;
  pending.invalidate(kBase + 60 * kPageSize);
  for (std::uint64_t i = 0; i < 8; ++i) (void)faults_of_write(i, 7);
  EXPECT_EQ(copies(), 8u);
  pending.flush();
  for (std::uint64_t i = 8; i < 10; ++i) (void)faults_of_write(i, 7);
  EXPECT_GT(copies(), 10u);
}

TEST_F(CopyAheadTest, TheEndOfTheMappingIsTheEnd) {
  ASSERT_TRUE(space().unmap(kBase + 20 * kPageSize, (kPages - 20) * kPageSize).ok());
  for (std::uint64_t i = 0; i < 20; ++i) (void)faults_of_write(i, 7);
  EXPECT_EQ(copies(), 20u);
  EXPECT_FALSE(is_populated(kBase + 20 * kPageSize));
}

TEST_F(AddressSpaceTest, PagesThatNobodyLookedAtGoWithoutAFlush) {
  fake::set_online_cpus(3);
  RefPtr<TestFile> file = make_file(16);
  for (int i = 0; i < 16; ++i) file->release_frame(file->frame_for_mapping(i, false).take(), false);
  map_file(kBase, file, 16, Sharing::kPrivate, Protection::kRead);
  map_file(kBase + kMiB, file, 16, Sharing::kPrivate, Protection::kRead);
  EXPECT_EQ(value_at(kBase), 100u);
  EXPECT_EQ(value_at(kBase + kMiB), 100u);
  EXPECT_TRUE(is_populated(kBase + 15 * kPageSize));
  std::uint64_t calls = fake::cross_calls();
  ASSERT_TRUE(space().unmap(kBase + kPageSize, 15 * kPageSize).ok());
  EXPECT_EQ(fake::cross_calls(), calls);
  ASSERT_TRUE(space().protect(kBase + kMiB + kPageSize, 15 * kPageSize, Protection::kNone).ok());
  EXPECT_EQ(fake::cross_calls(), calls);
  ASSERT_TRUE(space().protect(kBase + kMiB, kPageSize, Protection::kNone).ok());
  EXPECT_EQ(fake::cross_calls(), calls + 1);
}

// A source takes pages at any time; while the flush of something else is to come it does not rely on marks, and flushes all.
TEST_F(AddressSpaceTest, ASourceThatTakesPagesWhileAFlushIsToComeFlushesAsWell) {
  fake::set_online_cpus(3);
  RefPtr<TestFile> file = make_file(16);
  for (int i = 0; i < 16; ++i) file->release_frame(file->frame_for_mapping(i, false).take(), false);
  map_file(kBase, file, 16, Sharing::kShared);
  EXPECT_EQ(value_at(kBase), 100u);
  TlbGather pending;
  pending.invalidate(kBase + kMiB);
  const std::uint64_t calls = fake::cross_calls();
  file->truncate(8);  // pages that nobody has looked at
  EXPECT_EQ(fake::cross_calls(), calls + 1);
  pending.flush();
  EXPECT_FALSE(TlbGather::is_any_pending());
}

// Each part of a 2 MiB page that is broken up may be in a TLB, as a part of the whole.
TEST_F(AddressSpaceTest, PartsOfAHugePageGoWithAFlush) {
  fake::set_online_cpus(3);
  const VirtAddr huge(align_up(kBase.value(), kHugePageSize));
  map_at(huge, kHugePageSize);
  ASSERT_EQ(write_word(huge, 1), FaultOutcome::kResolved);
  if (!is_huge(huge)) GTEST_SKIP() << "no huge page";
  ASSERT_TRUE(space().unmap(huge + 64 * kPageSize, kPageSize).ok());
  const std::uint64_t calls = fake::cross_calls();
  ASSERT_TRUE(space().unmap(huge + 65 * kPageSize, kPageSize).ok());
  EXPECT_EQ(fake::cross_calls(), calls + 1);
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

TEST_F(AddressSpaceTest, WhoShowsAnothersPagesHearsOfItsEvictionAndNotTheOtherWay) {
  RefPtr<TestFile> lower = make_file(4);
  auto make_view = [&] { return RefPtr<TestFile>::adopt(new TestFile(4, lower.get())); };
  RefPtr<TestFile> one = make_view(), other = make_view();
  for (const auto& [place, file] : {std::pair{kBase, one}, {kBase + kMiB, other}}) {
    map_file(place, file, 4, Sharing::kShared);
    value_at(place + 2 * kPageSize);
  }
  EXPECT_TRUE(lower->is_mapped());
  one->unmap_pages(0, 4, PageSource::PrivateCopies::kKeep);
  EXPECT_FALSE(is_populated(kBase + 2 * kPageSize));
  EXPECT_TRUE(is_populated(kBase + kMiB + 2 * kPageSize));
  value_at(kBase + 2 * kPageSize);
  lower->unmap_pages(2, 1, PageSource::PrivateCopies::kKeep);
  EXPECT_FALSE(is_populated(kBase + 2 * kPageSize));
  EXPECT_FALSE(is_populated(kBase + kMiB + 2 * kPageSize));
  for (const VirtAddr place : {kBase, VirtAddr(kBase + kMiB)}) {  // before lower goes
    ASSERT_TRUE(space().unmap(place, 4 * kPageSize).ok());
  }
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
