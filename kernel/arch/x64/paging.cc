// SPDX-License-Identifier: Apache-2.0
//
// x86-64 page-table entries: Intel SDM vol. 3, 4.5. The user bit is never set.
#include "arch/paging.h"

namespace mokapot::arch {
namespace {

constexpr std::uint64_t kPresent = 1, kWrite = 2, kWriteThrough = 8, kCacheDisable = 16, kAccessed = 32, kDirty = 64;
constexpr std::uint64_t kLarge = 128, kGlobal = 256, kOwned = 512;
constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
constexpr std::uint64_t kFrameMask = 0x000f'ffff'ffff'f000;

std::uint64_t protection_bits(PageProtection protection) {
  std::uint64_t bits = kPresent;
  if (protection.write) bits |= kWrite;
  if (!protection.execute) bits |= kNoExecute;
  if (protection.global) bits |= kGlobal;
  if (protection.cache == CacheMode::kUncached) bits |= kCacheDisable | kWriteThrough;
  return bits;
}

}  // namespace

PageTableEntry PageTableEntry::leaf(PhysAddr frame, PageProtection protection, int level) {
  return PageTableEntry(frame.value() | protection_bits(protection) | (level > 0 ? kLarge : 0));
}
PageTableEntry PageTableEntry::table(PhysAddr table) { return PageTableEntry(table.value() | kPresent | kWrite); }
bool PageTableEntry::present() const { return (raw_ & kPresent) != 0; }
bool PageTableEntry::is_leaf(int level) const { return present() && (level == 0 || (raw_ & kLarge) != 0); }
bool PageTableEntry::writable() const { return (raw_ & kWrite) != 0; }
bool PageTableEntry::executable() const { return (raw_ & kNoExecute) == 0; }
bool PageTableEntry::accessed() const { return (raw_ & kAccessed) != 0; }
bool PageTableEntry::dirty() const { return (raw_ & kDirty) != 0; }
bool PageTableEntry::owned() const { return (raw_ & kOwned) != 0; }
PhysAddr PageTableEntry::frame() const { return PhysAddr(raw_ & kFrameMask); }
PageProtection PageTableEntry::protection() const {
  return {.write = writable(),
          .execute = executable(),
          .cache = (raw_ & kCacheDisable) != 0 ? CacheMode::kUncached : CacheMode::kWriteBack,
          .global = (raw_ & kGlobal) != 0};
}
PageTableEntry PageTableEntry::with_protection(PageProtection protection, int level) const {
  const std::uint64_t kept = raw_ & (kFrameMask | kAccessed | kDirty | kOwned);
  return PageTableEntry(kept | protection_bits(protection) | (level > 0 ? kLarge : 0));
}
PageTableEntry PageTableEntry::with_accessed() const { return PageTableEntry(raw_ | kAccessed); }
PageTableEntry PageTableEntry::with_owned(bool owned) const {
  return PageTableEntry(owned ? raw_ | kOwned : raw_ & ~kOwned);
}

std::uint64_t table_index(VirtAddr address, int level) {
  return (address.value() >> (kPageShift + 9 * static_cast<unsigned>(level))) & (kEntriesPerTable - 1);
}

// SAFETY (below): CR3 and TLB operations of this CPU.
PhysAddr page_table_root() {
  std::uint64_t cr3;
  asm volatile("movq %%cr3, %0" : "=r"(cr3));
  return PhysAddr(cr3 & kFrameMask);
}
void invalidate_page(VirtAddr address) { asm volatile("invlpg (%0)" : : "r"(address.value()) : "memory"); }
void flush_tlb() {
  std::uint64_t cr3;
  asm volatile("movq %%cr3, %0\n\t movq %0, %%cr3" : "=r"(cr3) : : "memory");
}

}  // namespace mokapot::arch
