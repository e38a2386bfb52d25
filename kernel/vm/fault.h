// SPDX-License-Identifier: Apache-2.0
//
// One page fault on one region, with the address space's lock held shared. See fault.cc and fault_files.cc.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "vm/address_space.h"
#include "vm/entry.h"
#include "vm/resident.h"

namespace mokapot {

class FaultHandler {
  static constexpr auto kPagesOfHugePage = static_cast<std::int64_t>(arch::kEntriesPerTable);

 public:
  // instruction: the application's that faulted, or nothing.
  FaultHandler(const Region& region, VirtAddr page, FaultAccess access, VirtAddr instruction)
      : region_(region), page_(page), access_(access), instruction_(instruction) {}

  bool permitted() const;
  // Nothing: the page changed under us, look again.
  std::optional<FaultOutcome> run();

 private:
  // Of the entry of a level that is to be there.
  Protection rights(int level) const;
  bool huge_page_fits() const;
  bool populate_huge(PageTableSlot& upper);
  bool populate_table();
  bool advised() const;   // MADV_HUGEPAGE
  bool by_pages() const;  // map_blocks_by_pages
  Result<PhysAddr> allocate_block() const;
  bool huge_source_page_fits() const;
  bool populate_huge_from_source(PageTableSlot& upper);
  std::optional<FaultOutcome> populate_huge_tlb(PageTableSlot& upper);
  std::optional<FaultOutcome> take_out_huge(PageTableSlot& upper);
  std::optional<FaultOutcome> populate_anonymous();
  std::optional<FaultOutcome> settle_present(PageTableSlot& slot, Entry entry, int level);
  bool satisfied_by(Entry entry) const;
  std::optional<FaultOutcome> take_turn(PageTableSlot& slot, Entry entry, int level);
  std::optional<FaultOutcome> populate_from_source();
  std::optional<FaultOutcome> copy_on_write(Entry present);
  std::optional<FaultOutcome> make_writable(Entry present);
  std::optional<FaultOutcome> install_copy(PhysAddr copy);
  Result<PhysAddr> private_copy(std::uint64_t index);
  Result<PhysAddr> frame_from_source(std::uint64_t index, bool for_write);
  bool install(PageTableSlot& slot, Entry entry);
  bool take_out(Entry present);
  void map_neighbours();
  void copy_ahead();
  bool copy_unused(PageTableSlot& slot, VirtAddr at);
  bool is_patched(VirtAddr page) const { return region_.patch && !region_.properties.keeps_text && region_.patch->covers(page); }
  std::uint64_t unmap_count() const;
  static std::optional<FaultOutcome> outcome_of(Errno error);

  const Region& region_;
  const VirtAddr page_;
  const FaultAccess access_;
  const VirtAddr instruction_;
  PageTableSlot* slot_ = nullptr;   // level 0
  std::uint64_t seen_unmaps_ = 0;   // the source's count when it gave us the frame
  bool major_ = false;              // storage had to be read
};

}  // namespace mokapot
