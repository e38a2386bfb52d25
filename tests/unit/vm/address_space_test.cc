// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/vm/address_space.cc kernel/vm/address_space_protect.cc kernel/vm/address_space_remap.cc
// sources: kernel/vm/address_space_advise.cc kernel/vm/address_space_query.cc kernel/vm/address_space_patch.cc kernel/vm/code_pages.cc kernel/vm/fault.cc kernel/vm/fault_files.cc
// sources: kernel/vm/page_edit.cc kernel/vm/page_source.cc kernel/vm/pressure.cc kernel/vm/region_tree.cc
// sources: kernel/vm/resident.cc kernel/vm/shared_memory.cc kernel/vm/tlb_gather.cc kernel/vm/huge_pool.cc
// sources: kernel/memory/frames.cc kernel/memory/buddy.cc kernel/memory/frame_map.cc
// sources: kernel/memory/page_table.cc kernel/memory/kernel_area.cc tests/unit/vm/fake_kernel.cc
//
// What mmap, munmap, mprotect, mremap, madvise and brk answer, case by case; 2 MiB pages.

#include "vm/address_space_fixture.h"
#include "vm/huge_pool.h"
#include "vm/page_edit.h"

namespace mokapot {
namespace {

// --- mmap -------------------------------------------------------------------------------------------

TEST_F(AddressSpaceTest, PlacesDownwardsWithoutGaps) {
  const VirtAddr a = space().map(anonymous(kPageSize)).take();
  const VirtAddr b = space().map(anonymous(3 * kPageSize)).take();
  EXPECT_EQ(b + 3 * kPageSize, a);
  EXPECT_EQ(regions(), 1u);  // neighbours that agree are one region
  ASSERT_TRUE(space().unmap(a, kPageSize).ok());
  EXPECT_EQ(space().map(anonymous(kPageSize)).take(), a);
}

TEST_F(AddressSpaceTest, LargeAnonymousMemoryIsAligned) {
  (void)space().map(anonymous(kPageSize));
  const VirtAddr large = space().map(anonymous(5 * kMiB)).take();
  EXPECT_TRUE(is_aligned(large.value(), kHugePageSize));
}

TEST_F(AddressSpaceTest, SharedFilesLieAsTheirOffsets) {
  (void)space().map(anonymous(kPageSize));  // the next free address is no multiple of 2 MiB
  MapRequest request = anonymous(kHugePageSize);
  request.source = make_file(2048);
  request.sharing = Sharing::kShared;
  EXPECT_EQ(space().map(request).take().value() % kHugePageSize, 0u);
  request.source_offset = 3 * kPageSize;
  EXPECT_EQ(space().map(request).take().value() % kHugePageSize, 3 * kPageSize);
  request.size = 4 * kPageSize;  // too small for such pages
  request.source_offset = 0;
  EXPECT_NE(space().map(request).take().value() % kHugePageSize, 0u);
}

TEST_F(AddressSpaceTest, HintsAreTakenWhenFree) {
  MapRequest request = anonymous(kPageSize);
  request.address = kBase + 0x123;
  request.placement = Placement::kHint;
  EXPECT_EQ(space().map(request).take(), kBase);
  EXPECT_NE(space().map(request).take(), kBase);
  request.address = VirtAddr(0x1000);  // below what may be mapped
  EXPECT_GT(space().map(request).take().value(), kApplicationBegin);
}

TEST_F(AddressSpaceTest, Low32StaysInTheSecondGigabyte) {
  MapRequest request = anonymous(kPageSize);
  request.placement = Placement::kLow32;
  const VirtAddr place = space().map(request).take();
  EXPECT_GE(place.value(), 0x4000'0000u);
  EXPECT_LT(place.value(), 0x8000'0000u);
}

TEST_F(AddressSpaceTest, MapErrors) {
  EXPECT_EQ(space().map(anonymous(0)).error(), Errno::kEINVAL);
  EXPECT_EQ(space().map(anonymous(kApplicationEnd + 1)).error(), Errno::kENOMEM);
  EXPECT_EQ(space().map(anonymous(~std::uint64_t{0} - 5)).error(), Errno::kENOMEM);
  MapRequest request = anonymous(kPageSize);
  request.placement = Placement::kFixed;
  request.address = kBase + 1;
  EXPECT_EQ(space().map(request).error(), Errno::kEINVAL);
  request.address = VirtAddr(0x1000);
  EXPECT_EQ(space().map(request).error(), Errno::kEPERM);
  request.address = VirtAddr(kApplicationEnd);
  EXPECT_EQ(space().map(request).error(), Errno::kENOMEM);
  request = anonymous(1024 * kMiB);  // more than the arena has
  request.huge_tlb = true;
  EXPECT_EQ(space().map(request).error(), Errno::kENOMEM);
  EXPECT_EQ(huge_pool_free(), 0u);
  map_at(kBase, kPageSize);
  request = anonymous(2 * kPageSize);
  request.address = kBase - kPageSize;
  request.placement = Placement::kFixedNoReplace;
  EXPECT_EQ(space().map(request).error(), Errno::kEEXIST);
}

TEST_F(AddressSpaceTest, ReservationsOfTerabytesCostNothing) {
  const std::uint64_t free = frame_statistics().free_frames;
  MapRequest request = anonymous(std::uint64_t{16} << 40, Protection::kNone);
  request.no_reserve = true;
  const VirtAddr place = space().map(request).take();
  EXPECT_EQ(frame_statistics().free_frames, free);
  map_at(place + kHugePageSize, kPageSize);
  EXPECT_EQ(write_word(place + kHugePageSize, 1), FaultOutcome::kResolved);
  ASSERT_TRUE(space().unmap(place, request.size).ok());
  EXPECT_EQ(regions(), 0u);
}

TEST_F(AddressSpaceTest, MoreThanAllMemoryIsRefusedUnlessNotReserved) {
  const std::uint64_t size = std::uint64_t{4} << 30;
  EXPECT_EQ(space().map(anonymous(size)).error(), Errno::kENOMEM);
  EXPECT_TRUE(space().map(anonymous(size, Protection::kRead)).ok());
  MapRequest request = anonymous(size);
  request.no_reserve = true;
  EXPECT_TRUE(space().map(request).ok());
  const VirtAddr reserved = space().map(anonymous(size, Protection::kNone)).take();
  EXPECT_EQ(space().protect(reserved, size, kReadWrite).error(), Errno::kENOMEM);
}

TEST_F(AddressSpaceTest, CommitAndUncommitInsideAReservation) {
  MapRequest reservation = anonymous(64 * kMiB, Protection::kNone);
  reservation.no_reserve = true;
  const VirtAddr heap = space().map(reservation).take();
  for (int round = 0; round < 3; ++round) {
    map_at(heap + kMiB, kMiB);
    map_at(heap + 2 * kMiB, kMiB);
    EXPECT_EQ(regions(), 3u);  // both commits are one region between what is left of the reservation
    EXPECT_EQ(value_at(heap + 2 * kMiB), 0u);
    EXPECT_EQ(write_word(heap + 2 * kMiB, 7), FaultOutcome::kResolved);
    MapRequest uncommit = anonymous(2 * kMiB, Protection::kNone);
    uncommit.no_reserve = true;
    uncommit.address = heap + kMiB;
    uncommit.placement = Placement::kFixed;
    ASSERT_TRUE(space().map(uncommit).ok());
    EXPECT_EQ(regions(), 1u);
    EXPECT_EQ(resident_bytes().of[0], 0u);
  }
}

TEST_F(AddressSpaceTest, PopulateAndOutOfMemoryStop) {
  MapRequest request = anonymous(8 * kPageSize);
  request.populate = true;
  const VirtAddr place = space().map(request).take();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(is_populated(place + i * kPageSize));
}

TEST_F(AddressSpaceTest, UnmapErrors) {
  EXPECT_EQ(space().unmap(kBase + 1, kPageSize).error(), Errno::kEINVAL);
  EXPECT_EQ(space().unmap(kBase, 0).error(), Errno::kEINVAL);
  EXPECT_EQ(space().unmap(VirtAddr(kApplicationEnd), kPageSize).error(), Errno::kEINVAL);
  EXPECT_TRUE(space().unmap(kBase, 100 * kPageSize).ok());  // nothing there: fine
}

TEST_F(AddressSpaceTest, BreakGrowsShrinksAndStopsAtNeighbours) {
  space().set_break_start(kBase);
  EXPECT_EQ(space().set_break(VirtAddr()), kBase);
  EXPECT_EQ(space().set_break(kBase + 10'000), kBase + 10'000);
  EXPECT_EQ(write_word(kBase + 2 * kPageSize, 3), FaultOutcome::kResolved);
  EXPECT_EQ(space().handle_fault(kBase + 3 * kPageSize, FaultAccess::kRead), FaultOutcome::kNotMapped);
  EXPECT_EQ(space().set_break(kBase + 5000), kBase + 5000);
  EXPECT_EQ(space().handle_fault(kBase + 2 * kPageSize, FaultAccess::kRead), FaultOutcome::kNotMapped);
  map_at(kBase + 10 * kPageSize, kPageSize);
  EXPECT_EQ(space().set_break(kBase + 9 * kPageSize), kBase + 9 * kPageSize);
  EXPECT_EQ(space().set_break(kBase + 10 * kPageSize), kBase + 9 * kPageSize);  // no page left between
}

// --- mprotect ----------------------------------------------------------------------------------------

TEST_F(AddressSpaceTest, ProtectSplitsAndMerges) {
  map_at(kBase, 16 * kPageSize, Protection::kNone);
  for (int i = 0; i < 16; ++i) {  // as malloc grows an arena
    ASSERT_TRUE(space().protect(kBase + i * kPageSize, kPageSize, kReadWrite).ok());
    EXPECT_EQ(regions(), i < 15 ? 2u : 1u);
  }
  ASSERT_TRUE(space().protect(kBase + 4 * kPageSize, kPageSize, Protection::kRead).ok());
  EXPECT_EQ(regions(), 3u);
}

TEST_F(AddressSpaceTest, ProtectErrorsKeepWhatCameBefore) {
  map_at(kBase, 2 * kPageSize);
  map_at(kBase + 3 * kPageSize, kPageSize);
  EXPECT_EQ(space().protect(kBase, 4 * kPageSize, Protection::kRead).error(), Errno::kENOMEM);
  EXPECT_EQ(write_word(kBase, 1), FaultOutcome::kNotPermitted);
  EXPECT_EQ(write_word(kBase + 3 * kPageSize, 1), FaultOutcome::kResolved);
  EXPECT_EQ(space().protect(kBase + 1, kPageSize, kReadWrite).error(), Errno::kEINVAL);
  EXPECT_TRUE(space().protect(kBase + 2 * kPageSize, 0, kReadWrite).ok());
}

TEST_F(AddressSpaceTest, GuardPagesKeepTheirContents) {
  map_at(kBase, 4 * kPageSize);
  ASSERT_EQ(write_word(kBase + kPageSize, 42), FaultOutcome::kResolved);
  ASSERT_TRUE(space().protect(kBase, 4 * kPageSize, Protection::kNone).ok());
  EXPECT_EQ(write_word(kBase + kPageSize, 1), FaultOutcome::kNotPermitted);
  std::uint64_t value;
  EXPECT_EQ(read_word(kBase + kPageSize, value), FaultOutcome::kNotPermitted);
  ASSERT_TRUE(space().protect(kBase, 4 * kPageSize, Protection::kRead).ok());
  EXPECT_EQ(value_at(kBase + kPageSize), 42u);
  EXPECT_EQ(write_word(kBase + kPageSize, 1), FaultOutcome::kNotPermitted);
  EXPECT_EQ(fake::execute(kBase + kPageSize), FaultOutcome::kNotPermitted);
  ASSERT_TRUE(space().protect(kBase, 4 * kPageSize, Protection::kAll).ok());
  EXPECT_EQ(fake::execute(kBase + kPageSize), FaultOutcome::kResolved);
}

TEST_F(AddressSpaceTest, OnlyRevocationsReachOtherCpus) {
  fake::set_online_cpus(3);
  map_at(kBase, 100 * kPageSize);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(write_word(kBase + i * kPageSize, 1), FaultOutcome::kResolved);
  std::uint64_t calls = fake::cross_calls();
  ASSERT_TRUE(space().protect(kBase, 100 * kPageSize, Protection::kRead).ok());
  EXPECT_EQ(fake::cross_calls(), calls + 1);  // one message for all of it
  ASSERT_TRUE(space().protect(kBase, 100 * kPageSize, kReadWrite).ok());
  EXPECT_EQ(fake::cross_calls(), calls + 1);
  ASSERT_EQ(write_word(kBase, 2), FaultOutcome::kResolved);
  calls = fake::cross_calls();
  ASSERT_TRUE(space().unmap(kBase, 100 * kPageSize).ok());
  EXPECT_EQ(fake::cross_calls(), calls + 1);
  map_at(kBase, 100 * kPageSize);
  ASSERT_TRUE(space().unmap(kBase, 100 * kPageSize).ok());
  EXPECT_EQ(fake::cross_calls(), calls + 1);  // never touched: nobody needs to know
}

TEST_F(AddressSpaceTest, ASharedFileOpenedForReadingStaysReadOnly) {
  RefPtr<TestFile> file = make_file(4);
  MapRequest request = anonymous(4 * kPageSize, Protection::kRead);
  request.source = file;
  request.sharing = Sharing::kShared;
  request.maximum = Protection::kRead | Protection::kExecute;
  const VirtAddr place = space().map(request).take();
  EXPECT_EQ(space().protect(place, kPageSize, kReadWrite).error(), Errno::kEACCES);
}

// --- 2 MiB pages ---------------------------------------------------------------------------------------

TEST_F(AddressSpaceTest, LargePlainDataGetsHugePages) {
  map_at(kBase, 8 * kMiB);
  ASSERT_EQ(write_word(kBase + 3 * kMiB, 5), FaultOutcome::kResolved);
  EXPECT_TRUE(is_huge(kBase + 3 * kMiB));
  EXPECT_EQ(resident_bytes().of[0], kHugePageSize);
  // Not where it would not fit, nor for stacks, side tables, code and what was advised against.
  map_at(kBase + 100 * kMiB, kMiB);
  ASSERT_EQ(write_word(kBase + 100 * kMiB, 5), FaultOutcome::kResolved);
  EXPECT_FALSE(is_huge(kBase + 100 * kMiB));
  for (int kind = 0; kind < 3; ++kind) {
    MapRequest request = anonymous(4 * kMiB, kind == 0 ? Protection::kAll : kReadWrite);
    request.address = kBase + 200 * kMiB + kind * 8 * kMiB;
    request.placement = Placement::kFixed;
    request.stack = kind == 1;
    request.no_reserve = kind == 2;
    ASSERT_TRUE(space().map(request).ok());
    ASSERT_EQ(write_word(request.address, 5), FaultOutcome::kResolved);
    EXPECT_FALSE(is_huge(request.address));
  }
  ASSERT_TRUE(space().advise(kBase + 4 * kMiB, 2 * kMiB, kNoHugePage).ok());
  ASSERT_EQ(write_word(kBase + 4 * kMiB, 5), FaultOutcome::kResolved);
  EXPECT_FALSE(is_huge(kBase + 4 * kMiB));
}

TEST_F(AddressSpaceTest, HugeTlbMappingsOwnTheirPagesFromTheStart) {
  MapRequest request = anonymous(6 * kMiB - kPageSize);
  request.huge_tlb = true;
  const VirtAddr place = space().map(request).take();
  EXPECT_TRUE(is_aligned(place.value(), kHugePageSize));
  EXPECT_EQ(huge_pool_free(), 3u);
  EXPECT_EQ(write_word(place + 3 * kMiB, 9), FaultOutcome::kResolved);
  EXPECT_TRUE(is_huge(place + 3 * kMiB));
  EXPECT_EQ(huge_pool_free(), 2u);
  EXPECT_EQ(huge_page_count(), 0u);
  // A discarded page goes back to the mapping's reservation, cleared when it is touched again.
  ASSERT_TRUE(space().advise(place + 2 * kMiB, 2 * kMiB, kDontNeed).ok());
  EXPECT_EQ(huge_pool_free(), 3u);
  EXPECT_EQ(value_at(place + 3 * kMiB), 0u);
  // Only whole pages are cut.
  EXPECT_EQ(space().unmap(place, kPageSize).error(), Errno::kEINVAL);
  EXPECT_EQ(space().protect(place, 3 * kMiB, Protection::kRead).error(), Errno::kEINVAL);
  EXPECT_EQ(space().advise(place + kMiB, kMiB, kDontNeed).error(), Errno::kEINVAL);
  ASSERT_TRUE(space().unmap(place + 2 * kMiB, 2 * kMiB).ok());
  EXPECT_EQ(huge_pool_free(), 2u);
  ASSERT_TRUE(space().unmap(place, 6 * kMiB).ok());
  EXPECT_EQ(huge_pool_free(), 0u);
  EXPECT_EQ(frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kHugeTlb)], 0u);
}

TEST_F(AddressSpaceTest, AdviceGivesHugePagesToCode) {
  map_at(kBase, 4 * kMiB, Protection::kAll);
  ASSERT_TRUE(space().advise(kBase, 4 * kMiB, kHugePage).ok());
  ASSERT_EQ(fake::execute(kBase), FaultOutcome::kResolved);
  EXPECT_TRUE(is_huge(kBase));
}

TEST_F(AddressSpaceTest, HugePagesSplitAroundPartialChanges) {
  map_at(kBase, 4 * kMiB);
  for (std::uint64_t offset : {std::uint64_t{0}, 2 * kMiB}) {
    ASSERT_EQ(write_word(kBase + offset, 11), FaultOutcome::kResolved);
  }
  for (int i = 0; i < 512; ++i) ASSERT_EQ(write_word(kBase + i * kPageSize, i), FaultOutcome::kResolved);
  ASSERT_TRUE(is_huge(kBase));
  ASSERT_TRUE(space().unmap(kBase + 5 * kPageSize, kPageSize).ok());
  EXPECT_FALSE(is_huge(kBase));
  EXPECT_TRUE(is_huge(kBase + 2 * kMiB));
  EXPECT_EQ(value_at(kBase + 4 * kPageSize), 4u);
  EXPECT_EQ(value_at(kBase + 511 * kPageSize), 511u);
  EXPECT_EQ(resident_bytes().of[0], 4 * kMiB - kPageSize);
  ASSERT_TRUE(space().advise(kBase + 2 * kMiB + kPageSize, 3 * kPageSize, kDontNeed).ok());
  EXPECT_FALSE(is_populated(kBase + 2 * kMiB + kPageSize));
  EXPECT_EQ(value_at(kBase + 2 * kMiB), 11u);
  EXPECT_EQ(value_at(kBase + 2 * kMiB + kPageSize), 0u);
}

TEST_F(AddressSpaceTest, AHugePageSurvivesProtNone) {
  map_at(kBase, 2 * kMiB);
  ASSERT_EQ(write_word(kBase + kMiB, 9), FaultOutcome::kResolved);
  ASSERT_TRUE(space().protect(kBase, 2 * kMiB, Protection::kNone).ok());
  EXPECT_EQ(write_word(kBase + kMiB, 9), FaultOutcome::kNotPermitted);
  ASSERT_TRUE(space().protect(kBase, kMiB, kReadWrite).ok());  // splits the withdrawn page
  ASSERT_TRUE(space().protect(kBase + kMiB, kMiB, kReadWrite).ok());
  EXPECT_EQ(value_at(kBase + kMiB), 9u);
}

TEST_F(AddressSpaceTest, DiscardedHugeMemoryIsGivenBackWhole) {
  map_at(kBase, 64 * kMiB);
  for (std::uint64_t i = 0; i < 32; ++i) {
    ASSERT_EQ(write_word(kBase + i * kHugePageSize, 1), FaultOutcome::kResolved);
  }
  EXPECT_EQ(resident_bytes().of[0], 64 * kMiB);
  ASSERT_TRUE(space().advise(kBase, 64 * kMiB, kDontNeed).ok());
  EXPECT_EQ(resident_bytes().of[0], 0u);
  EXPECT_EQ(value_at(kBase), 0u);
  EXPECT_GE(resident_bytes().peak, 64 * kMiB);
}

// madvise looks for 2 MiB pages at its bounds first, and a fault of another CPU may make one after that.
TEST_F(AddressSpaceTest, AHugePageThatReachesBeyondADiscardStays) {
  map_at(kBase, 4 * kMiB);
  for (const std::uint64_t offset : {std::uint64_t{0}, kMiB, 2 * kMiB}) ASSERT_EQ(write_word(kBase + offset, 7), FaultOutcome::kResolved);
  const Region region(kBase, kBase + 4 * kMiB);
  TlbGather gather;
  take_pages(region, kBase, kBase + kMiB, Discard::kAll, gather);
  take_pages(region, kBase + kMiB, kBase + 3 * kMiB, Discard::kAll, gather);
  gather.flush();
  for (const std::uint64_t offset : {std::uint64_t{0}, kMiB, 2 * kMiB}) EXPECT_EQ(value_at(kBase + offset), 7u);
  take_pages(region, kBase, kBase + 3 * kMiB, Discard::kAll, gather);
  gather.flush();
  EXPECT_EQ(value_at(kBase), 0u);
  EXPECT_EQ(value_at(kBase + 2 * kMiB), 7u);
}

// --- mremap ---------------------------------------------------------------------------------------------

TEST_F(AddressSpaceTest, RemapErrors) {
  map_at(kBase, 4 * kPageSize);
  const auto error = [&](VirtAddr from, std::uint64_t old_size, std::uint64_t new_size,
                         std::uint32_t flags, VirtAddr to = VirtAddr()) {
    Result<VirtAddr> result = space().remap(from, old_size, new_size, flags, to);
    EXPECT_FALSE(result.ok());
    return result.ok() ? Errno{} : result.error();
  };
  const std::uint64_t size = 4 * kPageSize;
  EXPECT_EQ(error(kBase, size, size, 8), Errno::kEINVAL);
  EXPECT_EQ(error(kBase, size, size, kFixed), Errno::kEINVAL);
  EXPECT_EQ(error(kBase, size, 2 * size, kMayMove | kDontUnmap), Errno::kEINVAL);
  EXPECT_EQ(error(kBase + 1, size, size, 0), Errno::kEINVAL);
  EXPECT_EQ(error(kBase, size, 0, 0), Errno::kEINVAL);
  EXPECT_EQ(error(kBase - kPageSize, size, size, 0), Errno::kEFAULT);
  EXPECT_EQ(error(kBase, 2 * size, 3 * size, kMayMove), Errno::kEFAULT);
  EXPECT_EQ(error(kBase, size, size, kMayMove | kFixed, kBase + kPageSize), Errno::kEINVAL);
  EXPECT_EQ(error(kBase, size, size, kMayMove | kFixed, kBase + kMiB + 1), Errno::kEINVAL);
  EXPECT_EQ(error(kBase, 0, size, kMayMove), Errno::kEINVAL);
  map_at(kBase + size, kPageSize, Protection::kRead);
  EXPECT_EQ(error(kBase, size, 2 * size, 0), Errno::kENOMEM);  // in the way, and may not move
}

TEST_F(AddressSpaceTest, RemapGrowsInPlaceShrinksAndMoves) {
  map_at(kBase, 4 * kPageSize);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(write_word(kBase + i * kPageSize, 50 + i), FaultOutcome::kResolved);
  EXPECT_EQ(space().remap(kBase, 4 * kPageSize, 8 * kPageSize, 0, VirtAddr()).take(), kBase);
  EXPECT_EQ(value_at(kBase + 7 * kPageSize), 0u);
  EXPECT_EQ(space().remap(kBase, 8 * kPageSize, 3 * kPageSize, 0, VirtAddr()).take(), kBase);
  EXPECT_EQ(space().handle_fault(kBase + 3 * kPageSize, FaultAccess::kRead), FaultOutcome::kNotMapped);
  map_at(kBase + 3 * kPageSize, kPageSize, Protection::kRead);
  const VirtAddr moved =
      space().remap(kBase, 3 * kPageSize, 6 * kPageSize, kMayMove, VirtAddr()).take();
  EXPECT_NE(moved, kBase);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(value_at(moved + i * kPageSize), 50u + i);
  EXPECT_EQ(value_at(moved + 4 * kPageSize), 0u);
  EXPECT_EQ(space().handle_fault(kBase, FaultAccess::kRead), FaultOutcome::kNotMapped);
}

TEST_F(AddressSpaceTest, RemapMovesHugePagesWholeWhereItCan) {
  map_at(kBase, 4 * kMiB);
  ASSERT_EQ(write_word(kBase + 5 * kPageSize, 77), FaultOutcome::kResolved);
  const VirtAddr to = kBase + 32 * kMiB;
  ASSERT_TRUE(space().remap(kBase, 4 * kMiB, 4 * kMiB, kMayMove | kFixed, to).ok());
  EXPECT_TRUE(is_huge(to));
  EXPECT_EQ(value_at(to + 5 * kPageSize), 77u);
  const VirtAddr odd = kBase + 64 * kMiB + kPageSize;
  ASSERT_TRUE(space().remap(to, 4 * kMiB, 4 * kMiB, kMayMove | kFixed, odd).ok());
  EXPECT_FALSE(is_huge(odd));
  EXPECT_EQ(value_at(odd + 5 * kPageSize), 77u);
  EXPECT_EQ(resident_bytes().of[0], kHugePageSize);
}

TEST_F(AddressSpaceTest, RemapDontUnmapLeavesAnEmptyMapping) {
  map_at(kBase, 2 * kPageSize);
  ASSERT_EQ(write_word(kBase, 8), FaultOutcome::kResolved);
  const VirtAddr to =
      space().remap(kBase, 2 * kPageSize, 2 * kPageSize, kMayMove | kDontUnmap, VirtAddr()).take();
  EXPECT_EQ(value_at(to), 8u);
  EXPECT_EQ(value_at(kBase), 0u);
}

TEST_F(AddressSpaceTest, RemapOfNothingDuplicatesSharedMemory) {
  MapRequest request = anonymous(2 * kPageSize);
  request.sharing = Sharing::kShared;
  const VirtAddr first = space().map(request).take();
  ASSERT_EQ(write_word(first, 31), FaultOutcome::kResolved);
  const VirtAddr second = space().remap(first, 0, 2 * kPageSize, kMayMove, VirtAddr()).take();
  EXPECT_EQ(value_at(second), 31u);
  ASSERT_EQ(write_word(second + kPageSize, 32), FaultOutcome::kResolved);
  EXPECT_EQ(value_at(first + kPageSize), 32u);
  const auto a = space().shared_key(first + 8).take(), b = space().shared_key(second + 8).take();
  EXPECT_EQ(a.object, b.object);
  EXPECT_EQ(a.offset, b.offset);
}

// --- madvise, msync, mincore -----------------------------------------------------------------------------

TEST_F(AddressSpaceTest, AdviceErrors) {
  map_at(kBase, 4 * kPageSize);
  EXPECT_EQ(space().advise(kBase, kPageSize, 5).error(), Errno::kEINVAL);
  EXPECT_EQ(space().advise(kBase, 0, 999).error(), Errno::kEINVAL);
  EXPECT_EQ(space().advise(kBase + 1, kPageSize, kDontNeed).error(), Errno::kEINVAL);
  EXPECT_EQ(space().advise(kBase, ~std::uint64_t{0}, kDontNeed).error(), Errno::kEINVAL);
  EXPECT_TRUE(space().advise(VirtAddr(), 0, kPopulateWrite).ok());  // the probe of JDK 25
  EXPECT_EQ(space().advise(kBase, 5 * kPageSize, kDontNeed).error(), Errno::kENOMEM);
  EXPECT_EQ(space().advise(kBase, 5 * kPageSize, 0).error(), Errno::kENOMEM);
  EXPECT_EQ(space().advise(kBase, kPageSize, kRemove).error(), Errno::kEINVAL);
  RefPtr<TestFile> file = make_file(4);
  map_file(kBase + kMiB, file, 4, Sharing::kPrivate);
  EXPECT_EQ(space().advise(kBase + kMiB, kPageSize, kFree).error(), Errno::kEINVAL);
  EXPECT_EQ(space().advise(kBase + kMiB, kPageSize, kRemove).error(), Errno::kEACCES);
}

TEST_F(AddressSpaceTest, PopulateAdvice) {
  map_at(kBase, 4 * kPageSize, Protection::kRead);
  EXPECT_TRUE(space().advise(kBase, 4 * kPageSize, kPopulateRead).ok());
  EXPECT_TRUE(is_populated(kBase + 3 * kPageSize));
  EXPECT_EQ(space().advise(kBase, 4 * kPageSize, kPopulateWrite).error(), Errno::kEINVAL);
  EXPECT_EQ(space().advise(kBase, 5 * kPageSize, kPopulateRead).error(), Errno::kENOMEM);
}

TEST_F(AddressSpaceTest, RemovePunchesAHoleInTheFile) {
  RefPtr<TestFile> file = make_file(4);
  map_file(kBase, file, 4, Sharing::kShared);
  ASSERT_EQ(value_at(kBase + kPageSize), 101u);
  ASSERT_TRUE(space().advise(kBase + kPageSize, kPageSize, kRemove).ok());
  EXPECT_EQ(value_at(kBase + kPageSize), 0u);
  EXPECT_EQ(value_at(kBase), 100u);
}

TEST_F(AddressSpaceTest, ResidencySeesTablesAndCache) {
  map_at(kBase, 3 * kPageSize);
  ASSERT_EQ(write_word(kBase + kPageSize, 1), FaultOutcome::kResolved);
  std::uint8_t vector[4] = {};
  ASSERT_TRUE(space().residency(kBase, 3 * kPageSize, vector).ok());
  EXPECT_EQ(vector[0], 0);
  EXPECT_EQ(vector[1], 1);
  EXPECT_EQ(space().residency(kBase, 4 * kPageSize, vector).error(), Errno::kENOMEM);
  EXPECT_EQ(space().sync(kBase, 4 * kPageSize, 4).error(), Errno::kENOMEM);
  EXPECT_EQ(space().sync(kBase, kPageSize, 5).error(), Errno::kEINVAL);
  EXPECT_TRUE(space().sync(kBase, 3 * kPageSize, 4).ok());
}

}  // namespace
}  // namespace mokapot
