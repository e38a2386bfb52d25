// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/vm/address_space.cc kernel/vm/address_space_protect.cc kernel/vm/address_space_remap.cc
// sources: kernel/vm/address_space_advise.cc kernel/vm/address_space_query.cc kernel/vm/address_space_patch.cc
// sources: kernel/vm/code_pages.cc kernel/vm/fault.cc kernel/vm/fault_files.cc kernel/vm/page_edit.cc kernel/vm/page_source.cc kernel/vm/pressure.cc
// sources: kernel/vm/region_tree.cc kernel/vm/resident.cc kernel/vm/shared_memory.cc kernel/vm/tlb_gather.cc
// sources: kernel/vm/huge_pool.cc kernel/memory/frames.cc kernel/memory/buddy.cc kernel/memory/frame_map.cc
// sources: kernel/memory/page_table.cc kernel/memory/kernel_area.cc tests/unit/vm/fake_kernel.cc
//
// Text that is patched where it is mapped: what is seen through the mapping, what the file keeps, and what happens to
// the patch when the mapping is discarded, written to, moved, split or removed.

#include "vm/address_space_fixture.h"
#include "vm/text_patch.h"

namespace mokapot {
namespace {

constexpr Protection kReadExecute = Protection::kRead | Protection::kExecute;
constexpr std::uint64_t kPatched = 0x1000;  // what is added to the word of a patched page
constexpr std::uint64_t kPages = 16;

// Every second page.
class EvenPages final : public TextPatch {
 public:
  explicit EvenPages(bool& is_gone) : is_gone_(is_gone) {}
  ~EvenPages() override { is_gone_ = true; }
  bool covers(VirtAddr page) const override { return page.page_number() % 2 == 0; }
  void apply(VirtAddr, std::byte* contents) const override { *reinterpret_cast<std::uint64_t*>(contents) += kPatched; }
  void revert(VirtAddr, std::byte* contents) const override { *reinterpret_cast<std::uint64_t*>(contents) -= kPatched; }

 private:
  bool& is_gone_;
};

class TextPatchTest : public AddressSpaceTest {
 protected:
  // All of a file.
  void map_text() {
    map_file(kBase, file, kPages, Sharing::kPrivate, kReadExecute);
    patch = RefPtr<TextPatch>::adopt(new EvenPages(is_gone));
    ASSERT_TRUE(space().patch_text(kBase, kPages * kPageSize, patch).ok());
  }
  static std::uint64_t plain(std::uint64_t page) { return 100 + page; }
  static std::uint64_t seen(std::uint64_t page) { return plain(page) + (page % 2 == 0 ? kPatched : 0); }

  RefPtr<TestFile> file = make_file(kPages);
  RefPtr<TextPatch> patch;
  bool is_gone = false;
};

TEST_F(TextPatchTest, IsSeenThroughTheMappingAndNowhereElse) {
  for (std::uint64_t i = 0; i < kPages; ++i)
    file->release_frame(file->frame_for_mapping(i, false).take(), false);  // neighbours are cached
  map_text();
  for (std::uint64_t i = 0; i < kPages; ++i) EXPECT_EQ(value_at(kBase + i * kPageSize), seen(i)) << i;
  for (std::uint64_t i = 0; i < kPages; ++i) EXPECT_EQ(file->word(i), plain(i)) << i;
}

TEST_F(TextPatchTest, ComesBackAfterADiscard) {
  map_text();
  EXPECT_EQ(value_at(kBase), seen(0));
  ASSERT_TRUE(space().advise(kBase, kPages * kPageSize, kDontNeed).ok());
  EXPECT_EQ(value_at(kBase), seen(0));
}

TEST_F(TextPatchTest, PagesThatWereThereBeforeStayAsTheyAre) {
  map_file(kBase, file, kPages, Sharing::kPrivate, kReadExecute);
  EXPECT_EQ(value_at(kBase), plain(0));
  patch = RefPtr<TextPatch>::adopt(new EvenPages(is_gone));
  ASSERT_TRUE(space().patch_text(kBase, kPages * kPageSize, patch).ok());
  EXPECT_EQ(value_at(kBase), plain(0));
  EXPECT_EQ(value_at(kBase + 2 * kPageSize), seen(2));
}

TEST_F(TextPatchTest, WhoeverMayWriteToTextSeesTheFiles) {
  map_text();
  EXPECT_EQ(value_at(kBase), seen(0));
  ASSERT_TRUE(space().protect(kBase, kPages * kPageSize, Protection::kAll).ok());
  EXPECT_EQ(value_at(kBase), plain(0));                  // was there
  EXPECT_EQ(value_at(kBase + 2 * kPageSize), plain(2));  // was not
  EXPECT_EQ(write_word(kBase + 4 * kPageSize, 7), FaultOutcome::kResolved);
  ASSERT_TRUE(space().protect(kBase, kPages * kPageSize, kReadExecute).ok());
  EXPECT_EQ(value_at(kBase + 4 * kPageSize), 7u);
  EXPECT_EQ(value_at(kBase + 6 * kPageSize), plain(6));
}

TEST_F(TextPatchTest, WritableInAPartIsPatchedInTheRest) {
  map_text();
  ASSERT_TRUE(space().protect(kBase + 4 * kPageSize, 2 * kPageSize, kReadWrite).ok());
  EXPECT_EQ(value_at(kBase + 2 * kPageSize), seen(2));
  EXPECT_EQ(value_at(kBase + 4 * kPageSize), plain(4));
  EXPECT_EQ(value_at(kBase + 6 * kPageSize), seen(6));
}

TEST_F(TextPatchTest, MovedTextIsTheFiles) {
  map_text();
  EXPECT_EQ(value_at(kBase), seen(0));
  const VirtAddr there = kBase + 64 * kMiB;
  ASSERT_TRUE(space().remap(kBase, kPages * kPageSize, kPages * kPageSize, kMayMove | kFixed, there).ok());
  EXPECT_EQ(value_at(there), plain(0));
  EXPECT_EQ(value_at(there + 2 * kPageSize), plain(2));
}

TEST_F(TextPatchTest, LivesAsLongAsAPartIsMapped) {
  map_text();
  patch = nullptr;
  ASSERT_TRUE(space().unmap(kBase, 8 * kPageSize).ok());
  EXPECT_FALSE(is_gone);
  EXPECT_EQ(value_at(kBase + 10 * kPageSize), seen(10));
  ASSERT_TRUE(space().unmap(kBase + 8 * kPageSize, 8 * kPageSize).ok());
  EXPECT_TRUE(is_gone);
}

TEST_F(TextPatchTest, OnlyPrivateMappingsOfFilesHaveOne) {
  patch = RefPtr<TextPatch>::adopt(new EvenPages(is_gone));
  EXPECT_EQ(space().patch_text(kBase, kPageSize, patch).error(), Errno::kENOENT);
  map_at(kBase, kPages * kPageSize);
  EXPECT_EQ(space().patch_text(kBase, kPageSize, patch).error(), Errno::kENOENT);
  map_file(kBase, file, kPages, Sharing::kShared, kReadExecute);
  EXPECT_EQ(space().patch_text(kBase, kPageSize, patch).error(), Errno::kENOENT);
}

TEST_F(TextPatchTest, PlacesNearAreNear) {
  map_text();
  MapRequest request = anonymous(4 * kPageSize);
  request.placement = Placement::kNear;
  request.address = kBase;
  const VirtAddr below = space().map(request).take();
  EXPECT_EQ(below, kBase - 4 * kPageSize);
  // Nothing is free below an address at the beginning.
  request.address = VirtAddr(kApplicationBegin);
  const VirtAddr above = space().map(request).take();
  EXPECT_LE(above.value(), kApplicationBegin + (std::uint64_t{1} << 30));
}

TEST_F(TextPatchTest, WhatHasAnotherNameIsNotUnmapped) {
  static constexpr const char* kName = "[name]";
  MapRequest request = anonymous(2 * kPageSize);
  request.name = kName;
  const VirtAddr place = space().map(request).take();
  space().unmap_named(place, 2 * kPageSize, "[other]");
  space().unmap_named(place, kPageSize, kName);
  EXPECT_EQ(regions(), 1u);
  space().unmap_named(place, 2 * kPageSize, kName);
  EXPECT_EQ(regions(), 0u);
}

}  // namespace
}  // namespace mokapot
