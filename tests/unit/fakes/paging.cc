// SPDX-License-Identifier: Apache-2.0
//
// Page-table entries in a layout of the fake's own (so that no test comes to rely on x86's), and a TLB
// that counts what it was told (fakes/paging.h).

#include "arch/paging.h"

#include "fakes/paging.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kPresent = 1, kLeaf = 2, kWrite = 4, kExecute = 8, kUncached = 16,
                        kGlobal = 32, kAccessed = 64, kDirty = 128, kOwned = 256;
constexpr std::uint64_t kProtectionBits = kWrite | kExecute | kUncached | kGlobal;
constexpr std::uint64_t kFrameMask = ~std::uint64_t{0xfff};

std::uint64_t bits_of(arch::PageProtection protection) {
  return (protection.write ? kWrite : 0) | (protection.execute ? kExecute : 0) |
         (protection.cache == arch::CacheMode::kUncached ? kUncached : 0) |
         (protection.global ? kGlobal : 0);
}

}  // namespace

fake::TlbCounts& fake::tlb_counts() {
  static TlbCounts counts;
  return counts;
}

namespace arch {

PageTableEntry PageTableEntry::leaf(PhysAddr frame, PageProtection protection, int) {
  return PageTableEntry(frame.value() | bits_of(protection) | kPresent | kLeaf);
}
PageTableEntry PageTableEntry::table(PhysAddr table) {
  return PageTableEntry(table.value() | kPresent);
}
bool PageTableEntry::present() const { return (raw_ & kPresent) != 0; }
bool PageTableEntry::is_leaf(int) const { return (raw_ & (kPresent | kLeaf)) == (kPresent | kLeaf); }
bool PageTableEntry::writable() const { return (raw_ & kWrite) != 0; }
bool PageTableEntry::executable() const { return (raw_ & kExecute) != 0; }
bool PageTableEntry::accessed() const { return (raw_ & kAccessed) != 0; }
bool PageTableEntry::dirty() const { return (raw_ & kDirty) != 0; }
PhysAddr PageTableEntry::frame() const { return PhysAddr(raw_ & kFrameMask); }
PageProtection PageTableEntry::protection() const {
  return {.write = writable(),
          .execute = executable(),
          .cache = (raw_ & kUncached) != 0 ? CacheMode::kUncached : CacheMode::kWriteBack,
          .global = (raw_ & kGlobal) != 0};
}
PageTableEntry PageTableEntry::with_protection(PageProtection protection, int) const {
  return PageTableEntry((raw_ & ~kProtectionBits) | bits_of(protection));
}
PageTableEntry PageTableEntry::with_accessed() const { return PageTableEntry(raw_ | kAccessed); }
bool PageTableEntry::owned() const { return (raw_ & kOwned) != 0; }
PageTableEntry PageTableEntry::with_owned(bool owned) const {
  return PageTableEntry(owned ? raw_ | kOwned : raw_ & ~kOwned);
}

std::uint64_t table_index(VirtAddr address, int level) {
  return (address.value() >> (kPageShift + 9 * level)) % kEntriesPerTable;
}

void invalidate_page(VirtAddr) { ++fake::tlb_counts().pages; }
void flush_tlb() { ++fake::tlb_counts().flushes; }

}  // namespace arch
}  // namespace mokapot
