// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/vm/address_space.cc kernel/vm/address_space_protect.cc kernel/vm/address_space_remap.cc
// sources: kernel/vm/address_space_advise.cc kernel/vm/address_space_query.cc kernel/vm/address_space_patch.cc kernel/vm/code_pages.cc
// sources: kernel/vm/fault.cc kernel/vm/fault_files.cc kernel/vm/page_edit.cc kernel/vm/page_source.cc kernel/vm/pressure.cc
// sources: kernel/vm/region_tree.cc kernel/vm/resident.cc kernel/vm/shared_memory.cc kernel/vm/tlb_gather.cc kernel/vm/huge_pool.cc
// sources: kernel/memory/frames.cc kernel/memory/buddy.cc kernel/memory/frame_map.cc
// sources: kernel/memory/page_table.cc kernel/memory/kernel_area.cc tests/unit/vm/fake_kernel.cc
//
// Pages that are lent: at no time may one be written to by a CPU and executed by another.

#include "vm/code_pages.h"

#include <atomic>
#include <thread>

#include "memory/page_table.h"
#include "vm/address_space_fixture.h"
#include "vm/entry.h"

namespace mokapot {
namespace {

class CodePagesTest : public AddressSpaceTest {
 protected:
  void SetUp() override {
    AddressSpaceTest::SetUp();
    fake::set_online_cpus(3);
    lend_code_pages(true);
  }
  void TearDown() override {
    lend_code_pages(false);
    map_blocks_by_pages(false);
    AddressSpaceTest::TearDown();
  }
  static Entry entry_of(VirtAddr page) { return Entry(*find_page_table_slot(page).slot); }
  static bool can_be_written(VirtAddr page) { return entry_of(page).writable(); }
  static bool can_be_executed(VirtAddr page) { return entry_of(page).executable(); }
};

TEST_F(CodePagesTest, APageIsWrittenToOrExecuted) {
  map_at(kBase, kPageSize, Protection::kAll);
  ASSERT_EQ(write_word(kBase, 7), FaultOutcome::kResolved);
  EXPECT_FALSE(can_be_executed(kBase));
  const std::uint64_t calls = fake::cross_calls();
  ASSERT_EQ(fake::execute(kBase), FaultOutcome::kResolved);
  EXPECT_FALSE(can_be_written(kBase));
  EXPECT_EQ(fake::cross_calls(), calls + 1);  // nobody may still write by an old entry
  EXPECT_EQ(value_at(kBase), 7u);
  ASSERT_EQ(write_word(kBase, 8), FaultOutcome::kResolved);
  EXPECT_FALSE(can_be_executed(kBase));
  EXPECT_EQ(fake::cross_calls(), calls + 2);  // nor execute
  ASSERT_EQ(write_word(kBase, 9), FaultOutcome::kResolved);
  EXPECT_EQ(fake::cross_calls(), calls + 2);
}

// Others wait for the end of a turn: one that has told all CPUs and lost its own may not find the entry as it left it, after
// others have had theirs.
TEST_F(CodePagesTest, TurnsComeOneAfterTheOther) {
  map_at(kBase, kPageSize, Protection::kAll);
  ASSERT_EQ(write_word(kBase, 1), FaultOutcome::kResolved);
  std::thread writer;
  std::atomic<bool> writes = false, has_written = false;
  fake::during_cross_call = [&] {
    writer = std::thread([&] {
      fake::cpu.index = 1;
      writes = true;
      EXPECT_EQ(write_word(kBase, 2), FaultOutcome::kResolved);
      has_written = true;
    });
    while (!writes) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    EXPECT_FALSE(has_written);
    EXPECT_FALSE(can_be_written(kBase));
  };
  ASSERT_EQ(fake::execute(kBase), FaultOutcome::kResolved);
  writer.join();
  EXPECT_TRUE(has_written);
  EXPECT_TRUE(can_be_written(kBase));
  EXPECT_FALSE(can_be_executed(kBase));
}

TEST_F(CodePagesTest, OtherMemoryHasAllItsRightsAtOnce) {
  map_at(kBase, kPageSize, kReadWrite);
  map_at(kBase + kMiB, kPageSize, Protection::kRead | Protection::kExecute);
  ASSERT_EQ(write_word(kBase, 1), FaultOutcome::kResolved);
  EXPECT_EQ(fake::execute(kBase), FaultOutcome::kNotPermitted);
  ASSERT_EQ(fake::execute(kBase + kMiB), FaultOutcome::kResolved);
  EXPECT_EQ(write_word(kBase + kMiB, 1), FaultOutcome::kNotPermitted);
  lend_code_pages(false);
  map_at(kBase + 2 * kMiB, kPageSize, Protection::kAll);
  ASSERT_EQ(write_word(kBase + 2 * kMiB, 1), FaultOutcome::kResolved);
  EXPECT_TRUE(can_be_executed(kBase + 2 * kMiB));
}

// An instruction that stores into its own page, or into the one that its last bytes lie in, would go to and fro for ever.
TEST_F(CodePagesTest, CodeMayWriteToItsOwnPage) {
  map_at(kBase, 4 * kPageSize, Protection::kAll);
  const auto store = [&](VirtAddr to, VirtAddr instruction) {
    ASSERT_EQ(space().handle_fault(to, FaultAccess::kWrite, instruction), FaultOutcome::kResolved);
  };
  ASSERT_EQ(fake::execute(kBase), FaultOutcome::kResolved);
  store(kBase + 8, kBase + 0x100);
  EXPECT_TRUE(can_be_written(kBase) && can_be_executed(kBase));
  store(kBase + kPageSize, kBase + kPageSize - 3);
  EXPECT_TRUE(can_be_written(kBase + kPageSize) && can_be_executed(kBase + kPageSize));
  store(kBase + 2 * kPageSize, kBase + 0x100);
  EXPECT_FALSE(can_be_executed(kBase + 2 * kPageSize));
  store(kBase + 2 * kPageSize, kBase + 3 * kPageSize);
  EXPECT_FALSE(can_be_executed(kBase + 2 * kPageSize));
}

TEST_F(CodePagesTest, AChangeOfProtectionGivesNoRightsByItself) {
  map_at(kBase, 2 * kPageSize, kReadWrite);
  ASSERT_EQ(write_word(kBase, 5), FaultOutcome::kResolved);
  const std::uint64_t calls = fake::cross_calls();
  ASSERT_TRUE(space().protect(kBase, 2 * kPageSize, Protection::kAll).ok());
  EXPECT_FALSE(can_be_written(kBase) || can_be_executed(kBase));
  EXPECT_EQ(fake::cross_calls(), calls + 1);
  ASSERT_EQ(fake::execute(kBase), FaultOutcome::kResolved);
  EXPECT_FALSE(can_be_written(kBase));
  ASSERT_TRUE(space().protect(kBase, 2 * kPageSize, Protection::kNone).ok());
  ASSERT_TRUE(space().protect(kBase, 2 * kPageSize, Protection::kAll).ok());
  EXPECT_EQ(value_at(kBase), 5u);
  ASSERT_EQ(write_word(kBase, 6), FaultOutcome::kResolved);
  EXPECT_FALSE(can_be_executed(kBase));
}

TEST_F(CodePagesTest, FilesAreLentToo) {
  RefPtr<TestFile> file = make_file(4);
  map_file(kBase, file, 4, Sharing::kPrivate, Protection::kAll);
  map_file(kBase + kMiB, file, 4, Sharing::kShared, Protection::kAll);
  for (const VirtAddr page : {kBase, VirtAddr(kBase + kMiB)}) {
    ASSERT_EQ(fake::execute(page), FaultOutcome::kResolved);
    EXPECT_FALSE(can_be_written(page));
    ASSERT_EQ(write_word(page, 1), FaultOutcome::kResolved);
    EXPECT_FALSE(can_be_executed(page));
    ASSERT_EQ(fake::execute(page), FaultOutcome::kResolved);
    EXPECT_FALSE(can_be_written(page));
    EXPECT_EQ(value_at(page), 1u);
    ASSERT_EQ(write_word(page, 2), FaultOutcome::kResolved);
    EXPECT_FALSE(can_be_executed(page));
  }
  EXPECT_EQ(file->word(0), 2u);
}

TEST_F(CodePagesTest, PagesOf2MiBAreLentWhole) {
  MapRequest request = anonymous(2 * kMiB, Protection::kAll);
  request.huge_tlb = true;
  const VirtAddr page = space().map(request).take();
  ASSERT_EQ(write_word(page, 3), FaultOutcome::kResolved);
  ASSERT_TRUE(is_huge(page));
  EXPECT_FALSE(can_be_executed(page));
  ASSERT_EQ(fake::execute(page + kMiB), FaultOutcome::kResolved);
  EXPECT_FALSE(can_be_written(page));
  EXPECT_EQ(value_at(page), 3u);
  // Its own code is all that lies in it.
  ASSERT_EQ(space().handle_fault(page + kMiB, FaultAccess::kWrite, page), FaultOutcome::kResolved);
  EXPECT_TRUE(can_be_written(page) && can_be_executed(page));
}

// What 2 MiB pages are for, one fault and one block, without a 2 MiB entry.
TEST_F(CodePagesTest, BlocksByPages) {
  map_blocks_by_pages(true);
  map_at(kBase, 4 * kMiB);
  const std::uint64_t faults = minor_faults();
  ASSERT_EQ(write_word(kBase + kMiB, 1), FaultOutcome::kResolved);
  EXPECT_EQ(minor_faults(), faults + 1);
  EXPECT_FALSE(is_huge(kBase));
  EXPECT_TRUE(is_populated(kBase) && is_populated(kBase + 2 * kMiB - kPageSize));
  EXPECT_FALSE(is_populated(kBase + 2 * kMiB));
  EXPECT_EQ(value_at(kBase + kPageSize), 0u);
  EXPECT_EQ(huge_page_count(), 0u);
  EXPECT_EQ(resident_bytes().of[static_cast<std::size_t>(ResidentKind::kAnonymous)], 2 * kMiB);
  // Each page goes for itself.
  ASSERT_TRUE(space().unmap(kBase, kPageSize).ok());
  EXPECT_EQ(value_at(kBase + kMiB), 1u);
  EXPECT_FALSE(is_populated(kBase));
  // What was discarded whole comes back whole.
  ASSERT_TRUE(space().advise(kBase + kPageSize, 2 * kMiB - kPageSize, kDontNeed).ok());
  map_at(kBase, kPageSize);
  ASSERT_EQ(write_word(kBase + kMiB, 2), FaultOutcome::kResolved);
  EXPECT_TRUE(is_populated(kBase + kPageSize));
  // Who asks for 2 MiB pages gets them.
  map_at(kBase + 8 * kMiB, 4 * kMiB);
  ASSERT_TRUE(space().advise(kBase + 8 * kMiB, 4 * kMiB, kHugePage).ok());
  ASSERT_EQ(write_word(kBase + 8 * kMiB, 1), FaultOutcome::kResolved);
  EXPECT_TRUE(is_huge(kBase + 8 * kMiB));
}

}  // namespace
}  // namespace mokapot
