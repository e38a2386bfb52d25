// SPDX-License-Identifier: Apache-2.0
//
// Page-table entries and the TLB of this CPU. Four levels of 512 entries; level 0 maps 4 KiB,
// level 1 maps 2 MiB, level 2 maps 1 GiB, level 3 is the root's.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace mokapot::arch {

inline constexpr int kPageTableLevels = 4;
inline constexpr std::uint64_t kEntriesPerTable = 512;

enum class CacheMode : std::uint8_t { kWriteBack, kUncached };

// What a mapping permits. Reading is always permitted; no page has the user bit.
struct PageProtection {
  bool write = false;
  bool execute = false;
  CacheMode cache = CacheMode::kWriteBack;
  bool global = false;  // kernel half: survives root reloads
};

// One entry, by value. Entries in tables are read and written as std::atomic<uint64_t>.
class PageTableEntry {
 public:
  constexpr PageTableEntry() = default;
  constexpr explicit PageTableEntry(std::uint64_t raw) : raw_(raw) {}
  static PageTableEntry leaf(PhysAddr frame, PageProtection protection, int level);
  static PageTableEntry table(PhysAddr table);

  std::uint64_t raw() const { return raw_; }
  bool present() const;
  bool is_leaf(int level) const;  // present and maps memory rather than a table
  bool writable() const;
  bool executable() const;
  bool accessed() const;
  bool dirty() const;
  PhysAddr frame() const;
  PageProtection protection() const;
  PageTableEntry with_protection(PageProtection protection, int level) const;  // keeps frame, A and D
  PageTableEntry with_accessed() const;  // as if a processor had used it
  // One software bit, ours to use on present leaves: "anonymous: this mapping owns the frame".
  bool owned() const;
  PageTableEntry with_owned(bool owned) const;

 private:
  std::uint64_t raw_ = 0;
};

std::uint64_t table_index(VirtAddr address, int level);

PhysAddr page_table_root();
void invalidate_page(VirtAddr address);  // this CPU only
void flush_tlb();                        // this CPU only, not global pages

}  // namespace mokapot::arch
