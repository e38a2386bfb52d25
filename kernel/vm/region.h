// SPDX-License-Identifier: Apache-2.0
//
// A region: a run of application addresses with the same properties (Linux's VMA), and the ordered tree
// of them. The tree knows the free gap below each region and the largest gap of each subtree, so that both
// looking an address up and placing a new mapping take O(log n) steps: collectors map and unmap parts
// thousands of times, and a thread's stack is placed among thousands of others.
//
// It is a treap written out here because Boost.Intrusive's trees cannot carry a value per subtree.
//
// Lock: the address space's lock_, exclusively for changes. Reverse mappings (MappingNode) are under the
// page source's own lock; a region with a source changes its bounds only under that one as well.
#pragma once

#include <cstdint>

#include "base/ref_counted.h"
#include "base/types.h"
#include "vm/page_source.h"
#include "vm/protection.h"
#include "vm/text_patch.h"

namespace mokapot {

enum class HugePages : std::uint8_t { kDefault, kPreferred, kNever };  // MADV_HUGEPAGE, MADV_NOHUGEPAGE

// What two regions must agree in to become one.
struct RegionProperties {
  Protection protection = Protection::kNone;
  Protection maximum = Protection::kAll;
  Sharing sharing = Sharing::kPrivate;
  HugePages huge_pages = HugePages::kDefault;
  bool no_reserve = false;
  bool stack = false;
  bool huge_tlb = false;  // MAP_HUGETLB: 2 MiB pages of the pool, or of the source; bounds are aligned to them
  bool keeps_text = false;  // has a patch that no longer applies, since the application may write to the text itself
  const char* name = nullptr;
  friend bool operator==(const RegionProperties&, const RegionProperties&) = default;
};

class Region : public MappingNode {
 public:
  Region(VirtAddr begin, VirtAddr end) : begin_(begin), end_(end) {}

  VirtAddr begin() const { return begin_; }
  VirtAddr end() const { return end_; }
  std::uint64_t size() const { return end_ - begin_; }
  bool contains(VirtAddr address) const { return address >= begin_ && address < end_; }
  bool is_private() const { return properties.sharing == Sharing::kPrivate; }
  bool is_private_anonymous() const { return is_private() && !source; }
  // Whether address may become a bound of a region inside this one.
  bool may_end_at(VirtAddr address) const {
    return !properties.huge_tlb || is_aligned(address.value(), kHugePageSize);
  }
  // Number of the source's page under address.
  std::uint64_t source_page(VirtAddr address) const {
    return (source_offset + (address - begin_)) >> kPageShift;
  }

  RegionProperties properties;
  RefPtr<PageSource> source;
  std::uint64_t source_offset = 0;  // bytes, of begin
  RefPtr<TextPatch> patch;          // of a private mapping of a file, where it has one
  Region* next_doomed = nullptr;    // list of regions to destroy after the lock is dropped

 private:
  friend class RegionTree;
  VirtAddr begin_;
  VirtAddr end_;
  Region* parent_ = nullptr;
  Region* left_ = nullptr;
  Region* right_ = nullptr;
  std::uint32_t priority_ = 0;
  std::uint64_t gap_ = 0;          // free bytes between the previous region and this one
  std::uint64_t largest_gap_ = 0;  // of this subtree
};

class RegionTree {
 public:
  // Addresses below floor belong to no gap.
  explicit RegionTree(VirtAddr floor) : floor_(floor) {}

  void insert(Region& region);  // must not overlap another
  void erase(Region& region);
  // Moves a bound; must stay clear of the neighbours.
  void set_bounds(Region& region, VirtAddr begin, VirtAddr end);

  Region* find(VirtAddr address) const;         // the region that contains address
  Region* first_ending_above(VirtAddr address) const;
  Region* first() const;
  Region* last() const;
  static Region* next(const Region& region);
  static Region* previous(const Region& region);
  std::uint64_t size() const { return count_; }

  // The highest place for size bytes inside [low, high), aligned; false if there is none.
  bool find_place(std::uint64_t size, VirtAddr low, VirtAddr high, std::uint64_t alignment,
                  VirtAddr& place) const;
  bool is_free(VirtAddr begin, VirtAddr end) const;

 private:
  static std::uint64_t largest(const Region* node) { return node ? node->largest_gap_ : 0; }
  static void update(Region& node);
  static void update_upwards(Region* node);
  void replace_child(Region* parent, Region* old_child, Region* new_child);
  void rotate_up(Region& node);
  void set_gap(Region& region);
  VirtAddr end_before(const Region* region) const;
  static Region* previous_with_gap(Region& from, std::uint64_t size);
  Region* last_with_gap(std::uint64_t size) const;
  static Region* last_in_subtree_with_gap(Region* node, std::uint64_t size);

  const VirtAddr floor_;
  Region* root_ = nullptr;
  std::uint64_t count_ = 0;
  std::uint32_t random_ = 0x9e37'79b9;
};

}  // namespace mokapot
