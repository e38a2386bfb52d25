// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/vm/address_space.cc kernel/vm/address_space_protect.cc kernel/vm/address_space_remap.cc
// sources: kernel/vm/address_space_advise.cc kernel/vm/address_space_query.cc kernel/vm/address_space_patch.cc kernel/vm/code_pages.cc kernel/vm/fault.cc kernel/vm/fault_files.cc
// sources: kernel/vm/page_edit.cc kernel/vm/page_source.cc kernel/vm/pressure.cc kernel/vm/region_tree.cc
// sources: kernel/vm/resident.cc kernel/vm/shared_memory.cc kernel/vm/tlb_gather.cc kernel/vm/huge_pool.cc
// sources: kernel/memory/frames.cc kernel/memory/buddy.cc kernel/memory/frame_map.cc
// sources: kernel/memory/page_table.cc kernel/memory/kernel_area.cc tests/unit/vm/fake_kernel.cc
//
// The address space against a model that is too simple to be wrong: an array of pages, each with its
// protection and the word that it shows. Random calls are made to both, and every answer must agree.

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <vector>

#include "memory/frames.h"
#include "vm/address_space.h"
#include "vm/fake_kernel.h"
#include "vm/resident.h"

namespace mokapot {
namespace {

constexpr VirtAddr kBase{0x10'0000'0000};
constexpr std::uint64_t kPages = 4096;  // 16 MiB: eight 2 MiB pages
constexpr std::uint64_t kFilePages = 2048;
constexpr Protection kReadWrite = Protection::kRead | Protection::kWrite;

// One page of the model. A private page has a word of its own once it was written.
struct ModelPage {
  bool mapped = false;
  Protection protection = Protection::kNone;
  Protection maximum = Protection::kAll;
  bool shared = false;
  int file = -1;  // index of the file, -1: anonymous
  std::uint64_t file_page = 0;
  std::optional<std::uint64_t> own;
};

struct ModelFile {
  std::uint64_t size = kFilePages;
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(kFilePages);
};

class ModelTest : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    fake::reset_cpu();
    fake::prepare_memory();
    random_.seed(GetParam());
    for (int f = 0; f < 2; ++f) {
      files_[f] = RefPtr<fake::TestFile>::adopt(new fake::TestFile(kFilePages));
      for (std::uint64_t i = 0; i < kFilePages; ++i) {
        model_files_[f].words[i] = files_[f]->word(i) = 1'000'000 * (f + 1) + i;
      }
    }
    fake::set_online_cpus(GetParam() % 2 == 0 ? 1 : 3);
    before_ = frame_statistics();
  }

  void TearDown() override {
    ASSERT_TRUE(space().unmap(kBase, kPages << kPageShift).ok());
    for (auto& file : files_) EXPECT_EQ(file->mapped_references(), 0u);
    EXPECT_EQ(space().statistics().region_count, 0u);
    EXPECT_EQ(space().statistics().mapped_bytes, 0u);
    const ResidentBytes resident = resident_bytes();
    for (const std::uint64_t bytes : resident.of) EXPECT_EQ(bytes, 0u);
    for (auto& file : files_) file = nullptr;
    const FrameStatistics after = frame_statistics();
    EXPECT_EQ(used(after, FrameUse::kAnonymous), 0u);
    EXPECT_EQ(used(after, FrameUse::kPageCache), 0u);
    EXPECT_LE(used(after, FrameUse::kPageTable), 1u);  // the root
    fake::set_online_cpus(1);
  }

  static std::uint64_t used(const FrameStatistics& statistics, FrameUse use) {
    return statistics.used_by[static_cast<std::size_t>(use)];
  }
  AddressSpace& space() { return address_space(); }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  static VirtAddr at(std::uint64_t page) { return kBase + (page << kPageShift); }

  // Often the granules that 2 MiB pages care about, often single pages.
  void pick_range(std::uint64_t& first, std::uint64_t& count) {
    if (below(3) == 0) {
      first = below(kPages / 512) * 512;
      count = 512 * (1 + below(3));
    } else {
      first = below(kPages);
      count = 1 + below(below(2) == 0 ? 8 : 700);
    }
    count = std::min(count, kPages - first);
  }
  Protection pick_protection() {
    constexpr Protection kChoices[] = {Protection::kNone, Protection::kRead, kReadWrite, kReadWrite,
                                       kReadWrite, Protection::kRead | Protection::kExecute,
                                       Protection::kAll};
    return kChoices[below(std::size(kChoices))];
  }

  void map() {
    std::uint64_t first, count;
    pick_range(first, count);
    MapRequest request;
    request.address = at(first);
    request.size = count << kPageShift;
    request.protection = pick_protection();
    request.placement = below(4) == 0 ? Placement::kFixedNoReplace : Placement::kFixed;
    request.no_reserve = below(4) == 0;
    int file = -1;
    std::uint64_t file_page = 0;
    if (below(2) == 0) {
      file = static_cast<int>(below(2));
      file_page = below(kFilePages - 700);
      request.source = files_[file];
      request.source_offset = file_page << kPageShift;
      request.sharing = below(2) == 0 ? Sharing::kShared : Sharing::kPrivate;
      if (request.sharing == Sharing::kShared && below(4) == 0) {
        request.maximum = Protection::kRead | Protection::kExecute;
        request.protection = Protection::kRead;
      }
    }
    bool taken = false;
    for (std::uint64_t i = first; i < first + count; ++i) taken |= pages_[i].mapped;
    const Result<VirtAddr> result = space().map(request);
    if (taken && request.placement == Placement::kFixedNoReplace) {
      ASSERT_FALSE(result.ok());
      ASSERT_EQ(result.error(), Errno::kEEXIST);
      return;
    }
    ASSERT_TRUE(result.ok());
    ASSERT_EQ(result.value(), at(first));
    for (std::uint64_t i = 0; i < count; ++i) {
      pages_[first + i] = {.mapped = true,
                           .protection = request.protection,
                           .maximum = request.maximum,
                           .shared = request.sharing == Sharing::kShared,
                           .file = file,
                           .file_page = file_page + i,
                           .own = {}};
    }
  }

  void unmap() {
    std::uint64_t first, count;
    pick_range(first, count);
    ASSERT_TRUE(space().unmap(at(first), count << kPageShift).ok());
    for (std::uint64_t i = first; i < first + count; ++i) pages_[i] = {};
  }

  void protect() {
    std::uint64_t first, count;
    pick_range(first, count);
    const Protection protection = pick_protection();
    std::optional<Errno> expected;
    for (std::uint64_t i = first; i < first + count; ++i) {
      if (!pages_[i].mapped) {
        expected = Errno::kENOMEM;
      } else if (!permits(pages_[i].maximum, protection)) {
        expected = Errno::kEACCES;
      }
      if (expected) break;
      pages_[i].protection = protection;  // what came before the failure stays changed
    }
    const Result<void> result = space().protect(at(first), count << kPageShift, protection);
    ASSERT_EQ(result.ok(), !expected);
    if (expected) {
      ASSERT_EQ(result.error(), *expected);
    }
  }

  void discard() {
    std::uint64_t first, count;
    pick_range(first, count);
    constexpr std::int32_t kDontNeed = 4;
    bool hole = false;
    for (std::uint64_t i = first; i < first + count; ++i) {
      hole |= !pages_[i].mapped;
      if (!pages_[i].shared) pages_[i].own.reset();
    }
    const Result<void> result = space().advise(at(first), count << kPageShift, kDontNeed);
    ASSERT_EQ(result.ok(), !hole);
    if (hole) {
      ASSERT_EQ(result.error(), Errno::kENOMEM);
    }
  }

  void advise_huge() {
    std::uint64_t first, count;
    pick_range(first, count);
    bool hole = false;
    for (std::uint64_t i = first; i < first + count; ++i) hole |= !pages_[i].mapped;
    const std::int32_t advice = below(2) == 0 ? 14 : 15;
    ASSERT_EQ(space().advise(at(first), count << kPageShift, advice).ok(), !hole);
  }

  // The pages that one region could cover: contiguous and alike (regions merge when they agree, so this
  // is exactly a region but for advice, which may cut it finer).
  bool same_region(std::uint64_t a, std::uint64_t b) const {
    const ModelPage &x = pages_[a], &y = pages_[b];
    return x.mapped && y.mapped && x.protection == y.protection && x.maximum == y.maximum &&
           x.shared == y.shared && x.file == y.file &&
           (x.file < 0 || y.file_page - x.file_page == b - a);
  }

  void remap() {
    constexpr std::uint32_t kMayMove = 1, kFixed = 2, kDontUnmap = 4;
    std::uint64_t from, count, to, unused;
    pick_range(from, count);
    pick_range(to, unused);
    if (to + count > kPages) return;
    if (from + count > to && to + count > from) return;
    const bool keep = below(3) == 0;
    const Result<VirtAddr> result =
        space().remap(at(from), count << kPageShift, count << kPageShift,
                      kMayMove | kFixed | (keep ? kDontUnmap : 0), at(to));
    if (!pages_[from].mapped) {
      ASSERT_FALSE(result.ok());
      ASSERT_EQ(result.error(), Errno::kEFAULT);
      return;
    }
    // The destination is emptied before the rest is looked at.
    for (std::uint64_t i = 0; i < count; ++i) pages_[to + i] = {};
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!same_region(from, from + i)) {
        ASSERT_FALSE(result.ok());
        ASSERT_EQ(result.error(), Errno::kEFAULT);
        return;
      }
    }
    // Advice and MAP_NORESERVE, which the model does not know, cut regions finer.
    if (!result.ok()) {
      ASSERT_EQ(result.error(), Errno::kEFAULT);
      return;
    }
    ASSERT_EQ(result.value(), at(to));
    for (std::uint64_t i = 0; i < count; ++i) {
      pages_[to + i] = pages_[from + i];
      pages_[from + i].own.reset();
      if (!keep) pages_[from + i] = {};
    }
  }

  void evict_or_truncate() {
    const int f = static_cast<int>(below(2));
    if (below(4) != 0) {
      const std::uint64_t first = below(kFilePages);
      files_[f]->evict(first, std::min(kFilePages - first, 1 + below(200)));
      return;
    }
    const std::uint64_t size = kFilePages / 2 + below(kFilePages / 2 + 1);
    files_[f]->truncate(size);
    ModelFile& model = model_files_[f];
    for (std::uint64_t i = size; i < model.size; ++i) model.words[i] = 0;
    for (ModelPage& page : pages_) {
      if (page.file == f && page.file_page >= size) page.own.reset();
    }
    model.size = size;
  }

  FaultOutcome expected_outcome(const ModelPage& page, Protection wanted) const {
    if (!page.mapped) return FaultOutcome::kNotMapped;
    if (wanted == Protection::kRead ? page.protection == Protection::kNone
                                    : !permits(page.protection, wanted)) {
      return FaultOutcome::kNotPermitted;
    }
    if (page.file >= 0 && !page.own && page.file_page >= model_files_[page.file].size) {
      return FaultOutcome::kBusError;
    }
    return FaultOutcome::kResolved;
  }
  std::uint64_t expected_word(const ModelPage& page) const {
    if (page.own) return *page.own;
    return page.file >= 0 ? model_files_[page.file].words[page.file_page] : 0;
  }

  void touch(std::uint64_t index) {
    ModelPage& page = pages_[index];
    if (below(2) == 0) {
      const std::uint64_t value = random_();
      const FaultOutcome expected = expected_outcome(page, Protection::kWrite);
      ASSERT_EQ(fake::write_word(at(index), value), expected) << index;
      if (expected != FaultOutcome::kResolved) return;
      if (page.shared) {
        model_files_[page.file].words[page.file_page] = value;
      } else {
        page.own = value;
      }
    } else {
      std::uint64_t value = 0;
      const FaultOutcome expected = expected_outcome(page, Protection::kRead);
      ASSERT_EQ(fake::read_word(at(index), value), expected) << index;
      if (expected == FaultOutcome::kResolved) {
        ASSERT_EQ(value, expected_word(page)) << index;
      }
    }
  }

  void check_everything() {
    for (std::uint64_t i = 0; i < kPages; ++i) {
      std::uint64_t value = 0;
      const FaultOutcome expected = expected_outcome(pages_[i], Protection::kRead);
      ASSERT_EQ(fake::read_word(at(i), value), expected) << i;
      if (expected == FaultOutcome::kResolved) {
        ASSERT_EQ(value, expected_word(pages_[i])) << i;
      }
    }
  }

  std::mt19937_64 random_;
  std::array<ModelPage, kPages> pages_{};
  std::array<ModelFile, 2> model_files_;
  std::array<RefPtr<fake::TestFile>, 2> files_;
  FrameStatistics before_{};
};

TEST_P(ModelTest, RandomCallsAgreeWithTheModel) {
  for (int step = 0; step < 1500; ++step) {
    SCOPED_TRACE(step);
    switch (below(14)) {
      case 0: case 1: case 2: map(); break;
      case 3: unmap(); break;
      case 4: case 5: case 6: protect(); break;
      case 7: discard(); break;
      case 8: advise_huge(); break;
      case 9: remap(); break;
      case 10: evict_or_truncate(); break;
      default: break;
    }
    if (HasFatalFailure()) return;
    const std::uint64_t near = below(kPages);
    for (int i = 0; i < 12; ++i) {
      touch(below(2) == 0 ? below(kPages) : std::min(near + i, kPages - 1));
      if (HasFatalFailure()) return;
    }
  }
  check_everything();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::Range(0u, 12u));

}  // namespace
}  // namespace mokapot
