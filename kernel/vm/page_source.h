// SPDX-License-Identifier: Apache-2.0
//
// Where the pages of a mapped file come from. vm owns the interface, fs implements it (one object a file,
// shared by all its mappings, with the file's page cache behind it). tmpfs, memfd and shared anonymous
// memory are page sources too.
//
// Reverse mapping: the source knows the regions that map it, so that eviction and truncation can take
// pages out of the page table. Mappings::lock (a spinlock of rank kTask) guards the list, and pages of the file
// enter and leave the page table under it only.
//
// A source that shows another's pages (a file in memory that lies over one of a disk) shares the other's list: who
// takes a page back finds it in the mappings of every source that shows it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/intrusive.h"
#include "base/ref_counted.h"
#include "base/result.h"
#include "base/types.h"
#include "sync/spinlock.h"

namespace mokapot {

class AddressSpace;

// The part of a Region that stands on its source's list (vm/region.h).
struct MappingNode {
  ListHook mapping_hook;  // PageSource::Mappings
};

class PageSource : public RefCounted<PageSource> {
 public:
  PageSource() = default;
  // Shows pages of shown's, too, if there is one, which must outlive it.
  explicit PageSource(PageSource* shown) {
    if (shown != nullptr) mappings_ = shown->mappings_;
  }
  virtual ~PageSource() = default;

  // The frame that holds page index of the file, with one reference (Frame::references) taken for the
  // caller: it is dropped by release_frame when the mapping goes. Reads from storage if need be. May block;
  // called with the address space's lock held shared. for_write: the frame will be written through a shared
  // mapping (marks it dirty, allocates tmpfs holes). Errors: kENXIO beyond the end (SIGBUS), kEIO (SIGBUS),
  // kENOMEM.
  virtual Result<PhysAddr> frame_for_mapping(std::uint64_t index, bool for_write) = 0;
  // Like frame_for_mapping but only if it is in memory and can be had without blocking; kEAGAIN otherwise.
  // For mapping neighbours of a faulting page.
  virtual Result<PhysAddr> cached_frame_for_mapping(std::uint64_t index) = 0;
  virtual void release_frame(PhysAddr frame, bool dirty) = 0;
  // The pages [first, first + 512), first being a multiple of 512, where they lie in one aligned block or can be
  // made so, with one reference taken for each of them. Only for shared mappings of sources that need not hear of
  // first writes. kEAGAIN: not in one piece. May block; called with the address space's lock held shared.
  virtual Result<PhysAddr> huge_frame_for_mapping(std::uint64_t first) {
    (void)first;
    return Errno::kEAGAIN;
  }
  // Pages come in such blocks only (hugetlb files), so mappings and offsets are aligned to them.
  virtual bool huge_tlb() const { return false; }
  // Makes the pages, as far as the file goes, for a mapping of a hugetlb file. kENOMEM. May block.
  virtual Result<void> reserve(std::uint64_t first, std::uint64_t count) {
    (void)first, (void)count;
    return {};
  }

  // MAP_SHARED and PROT_WRITE together permitted? (read-only file systems, descriptors opened for reading)
  virtual bool writable() const = 0;
  // Whether anybody may change the contents, now or later.
  virtual bool may_change() const { return true; }
  // "/path" for /proc/self/maps; device and inode numbers likewise.
  struct Identity { std::uint64_t device; std::uint64_t inode; };
  virtual Identity identity() const = 0;
  virtual std::size_t describe(char* buffer, std::size_t size) const = 0;

  // MADV_REMOVE: makes a hole of the pages (first, count), as fallocate's punch hole does.
  virtual Result<void> punch_hole(std::uint64_t first, std::uint64_t count) {
    (void)first, (void)count;
    return Errno::kEOPNOTSUPP;
  }
  // msync(MS_SYNC): writes dirty pages of the range to storage. Blocks. Nothing to do for what has no storage.
  virtual Result<void> write_back(std::uint64_t first, std::uint64_t count) {
    (void)first, (void)count;
    return {};
  }

  // Takes pages [first, first + count) out of every mapping of this source, and of those that show this one's
  // pages; private copies (anonymous frames) stay for
  // kKeep (eviction), go for kDrop (truncation). Flushes TLBs before it returns and drops the mappings'
  // references. A page that a fault was about to map meanwhile is not mapped but asked for again, so for
  // truncation shrink the file first. Thread context; no spinlock held. Implemented in vm/.
  enum class PrivateCopies : std::uint8_t { kKeep, kDrop };
  void unmap_pages(std::uint64_t first, std::uint64_t count, PrivateCopies copies);
  // Whether any region may show pages of this source: eviction of its pages is cheaper if none does.
  bool is_mapped() const;

 private:
  friend class AddressSpace;
  friend class FaultHandler;
  friend class SourceLock;
  struct Mappings {
    SpinLock lock{LockRank::kTask};
    IntrusiveList<MappingNode, &MappingNode::mapping_hook> regions GUARDED_BY(lock);
    // Counts calls of unmap_pages: a fault that finds it changed since it asked for its frame asks again.
    std::atomic<std::uint64_t> unmap_count{0};
  };
  Mappings own_mappings_;
  Mappings* mappings_ = &own_mappings_;  // const after construction
};

}  // namespace mokapot
