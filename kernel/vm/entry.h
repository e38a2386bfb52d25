// SPDX-License-Identifier: Apache-2.0
//
// Entries of the application's page tables, as vm uses them: empty, a table, a leaf that the hardware
// honours, or a withdrawn leaf. A withdrawn leaf stands for a page with protection PROT_NONE: its contents
// must survive, so the entry keeps the frame, in a form that the hardware takes for absent. (The hardware's
// entries have no "may not even be read"; initialise_entries checks that the form is indeed absent.)
#pragma once

#include <cstdint>

#include "arch/paging.h"
#include "memory/page_table.h"
#include "vm/region.h"

namespace mokapot {

class Entry {
 public:
  constexpr explicit Entry(std::uint64_t raw) : raw_(raw) {}
  explicit Entry(const PageTableSlot& slot) : raw_(slot.load(std::memory_order_acquire)) {}

  std::uint64_t raw() const { return raw_; }
  bool empty() const { return raw_ == 0; }
  bool withdrawn() const { return raw_ != 0 && !hardware().present(); }
  bool mapped(int level) const { return hardware().is_leaf(level); }
  bool table(int level) const { return hardware().present() && !hardware().is_leaf(level); }
  bool page(int level) const { return withdrawn() || mapped(level); }  // a leaf of either kind

  // Of a page:
  PhysAddr frame() const {
    return withdrawn() ? PhysAddr(raw_ & ~std::uint64_t{kPageSize - 1}) : hardware().frame();
  }
  // The frame is anonymous memory that this entry owns; otherwise it is its page source's.
  bool owned() const { return withdrawn() ? (raw_ & kWithdrawnOwned) != 0 : hardware().owned(); }
  bool dirty() const { return withdrawn() ? (raw_ & kWithdrawnDirty) != 0 : hardware().dirty(); }
  // Unless it is, no TLB has the entry: a processor marks what it takes up, before (Intel's manual, volume 3, "Details of
  // TLB Use"; AMD's, volume 2, "Page-Translation-Table Entry Fields").
  // (QEMU compares the lower 32 bits alone when it marks one. An entry that takes the place of another which is not marked,
  // with a frame 4 GiB away and the same rights, could so be marked for a walk that began at the other.)
  // An entry that takes the place of another without a flush between must say no less than that did.
  bool accessed() const { return !withdrawn() && hardware().accessed(); }
  Entry with_accessed() const { return withdrawn() ? *this : Entry(hardware().with_accessed().raw()); }
  bool writable() const { return !withdrawn() && hardware().writable(); }
  bool executable() const { return !withdrawn() && hardware().executable(); }

  // The entry for frame in region. A frame that is not owned is mapped writable only where the caller
  // has told the source (shared mappings).
  static Entry make(PhysAddr frame, bool owned, bool may_write, Protection protection, int level) {
    if (protection == Protection::kNone) {
      return Entry(frame.value() | kWithdrawn | (owned ? kWithdrawnOwned : 0));
    }
    const arch::PageProtection rights{
        .write = may_write && permits(protection, Protection::kWrite),
        .execute = permits(protection, Protection::kExecute),
    };
    return Entry(
        arch::PageTableEntry::leaf(frame, rights, level).with_owned(owned).raw());
  }
  // The same page under another protection. A page of a source stays read-only unless it was writable
  // (its first write has to be seen by the source).
  Entry with_protection(Protection protection, int level) const {
    const bool may_write = owned() || writable();
    if (protection == Protection::kNone || withdrawn()) {
      const Entry fresh = make(frame(), owned(), may_write, protection, level);
      return fresh.withdrawn() && dirty() ? Entry(fresh.raw_ | kWithdrawnDirty) : fresh;
    }
    const arch::PageProtection rights{
        .write = may_write && permits(protection, Protection::kWrite),
        .execute = permits(protection, Protection::kExecute),
    };
    return Entry(hardware().with_protection(rights, level).raw());
  }
  // The entry for one of the 512 pages of a 2 MiB page; marked, since TLBs may have the whole.
  Entry part(std::uint64_t index, Protection protection) const {
    return make(frame() + (index << kPageShift), owned(), true, protection, 0).with_accessed();
  }
  // Whether processors may have cached rights that replacement does not give.
  bool revoked_by(Entry replacement) const {
    if (raw_ == 0 || !accessed()) return false;
    return replacement.empty() || replacement.withdrawn() ||
           (writable() && !replacement.writable()) || (executable() && !replacement.executable());
  }

 private:
  static constexpr std::uint64_t kWithdrawn = 2, kWithdrawnOwned = 4, kWithdrawnDirty = 8;
  arch::PageTableEntry hardware() const { return arch::PageTableEntry(raw_); }
  std::uint64_t raw_;
};

}  // namespace mokapot
