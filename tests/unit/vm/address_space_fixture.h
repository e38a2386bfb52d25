// SPDX-License-Identifier: Apache-2.0
//
// Common to the tests of the address space: ways to map, and the check that a test leaves nothing behind.
#pragma once

#include <gtest/gtest.h>

#include "arch/cpu.h"
#include "memory/frames.h"
#include "vm/address_space.h"
#include "vm/fake_kernel.h"
#include "vm/resident.h"

namespace mokapot {

using fake::is_huge;
using fake::is_populated;
using fake::read_word;
using fake::TestFile;
using fake::write_word;

inline constexpr Protection kReadWrite = Protection::kRead | Protection::kWrite;
inline constexpr VirtAddr kBase{0x20'0000'0000};
inline constexpr std::uint64_t kMiB = 1 << 20;
inline constexpr std::uint32_t kMayMove = 1, kFixed = 2, kDontUnmap = 4;
inline constexpr std::int32_t kDontNeed = 4, kFree = 8, kRemove = 9, kHugePage = 14, kNoHugePage = 15,
                       kPopulateRead = 22, kPopulateWrite = 23;

class AddressSpaceTest : public testing::Test {
 protected:
  void SetUp() override {
    fake::reset_cpu();
    fake::prepare_memory();
    fake::set_online_cpus(1);
  }
  void TearDown() override {
    ASSERT_TRUE(space().unmap(VirtAddr(kApplicationBegin), kApplicationEnd - kApplicationBegin).ok());
    EXPECT_EQ(space().statistics().region_count, 0u);
    EXPECT_EQ(frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kAnonymous)], 0u);
    EXPECT_LE(frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kPageTable)], 1u);
  }
  AddressSpace& space() { return address_space(); }

  MapRequest anonymous(std::uint64_t size, Protection protection = kReadWrite) {
    MapRequest request;
    request.size = size;
    request.protection = protection;
    return request;
  }
  VirtAddr map_at(VirtAddr address, std::uint64_t size, Protection protection = kReadWrite) {
    MapRequest request = anonymous(size, protection);
    request.address = address;
    request.placement = Placement::kFixed;
    return space().map(request).take();
  }
  VirtAddr map_file(VirtAddr address, RefPtr<PageSource> file, std::uint64_t pages, Sharing sharing,
                    Protection protection = kReadWrite) {
    MapRequest request = anonymous(pages << kPageShift, protection);
    request.address = address;
    request.placement = Placement::kFixed;
    request.sharing = sharing;
    request.source = std::move(file);
    return space().map(request).take();
  }
  static RefPtr<TestFile> make_file(std::uint64_t pages) {
    RefPtr<TestFile> file = RefPtr<TestFile>::adopt(new TestFile(pages));
    for (std::uint64_t i = 0; i < pages; ++i) file->word(i) = 100 + i;
    return file;
  }
  std::uint64_t regions() { return space().statistics().region_count; }
  std::uint64_t value_at(VirtAddr page) {
    std::uint64_t value = ~std::uint64_t{0};
    EXPECT_EQ(read_word(page, value), FaultOutcome::kResolved);
    return value;
  }
};

}  // namespace mokapot
