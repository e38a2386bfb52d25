// SPDX-License-Identifier: Apache-2.0
//
// What vm needs of the kernel above memory/, for host tests: sleeping locks that spin, and "other CPUs" that
// count the messages they get. Physical memory is the arena of the fakes under the real frame allocator.
#pragma once

#include <cstdint>
#include <functional>

#include "vm/address_space.h"
#include "vm/page_source.h"

namespace mokapot::fake {

// Takes the arena over, once; the address space is made once as well and emptied between tests.
void prepare_memory();

// Messages to other CPUs so far. With one CPU online there are none.
std::uint64_t cross_calls();
void set_online_cpus(std::uint64_t mask);
// What else happens while the next message is under way.
extern std::function<void()> during_cross_call;

// What the hardware would do with one access of the application: looks in the page table, and faults
// until it gets through or is refused. Reads or writes the first word of the page.
FaultOutcome read_word(VirtAddr page, std::uint64_t& value);
FaultOutcome write_word(VirtAddr page, std::uint64_t value);
FaultOutcome execute(VirtAddr page);
bool is_huge(VirtAddr page);
bool is_populated(VirtAddr page);

// A file of whole pages in memory, whose frames are counted references as a page cache's are.
class TestFile final : public PageSource {
 public:
  explicit TestFile(std::uint64_t pages, TestFile* shown = nullptr) : PageSource(shown), size_(pages) {}
  ~TestFile() override;
  Result<PhysAddr> frame_for_mapping(std::uint64_t index, bool for_write) override;
  Result<PhysAddr> cached_frame_for_mapping(std::uint64_t index) override;
  void release_frame(PhysAddr frame, bool dirty) override;
  bool writable() const override { return true; }
  bool may_change() const override { return changes; }
  Identity identity() const override { return {1, 2}; }
  std::size_t describe(char*, std::size_t) const override { return 0; }
  Result<void> punch_hole(std::uint64_t first, std::uint64_t count) override;

  std::uint64_t& word(std::uint64_t index);  // of the file, whether cached or not
  void truncate(std::uint64_t pages);
  void evict(std::uint64_t first, std::uint64_t count);
  std::uint64_t mapped_references() const;

  bool changes = true;
  std::uint64_t write_requests = 0;
  std::uint64_t reads = 0;
  // Called inside frame_for_mapping, before it returns: for races.
  void (*interlude)(TestFile& file) = nullptr;

 private:
  static constexpr std::uint64_t kMaxPages = 8192;
  PhysAddr fetch(std::uint64_t index);
  std::uint64_t size_;
  PhysAddr frames_[kMaxPages];
  std::uint64_t stored_[kMaxPages] = {};
};

}  // namespace mokapot::fake
