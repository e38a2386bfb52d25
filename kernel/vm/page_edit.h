// SPDX-License-Identifier: Apache-2.0
//
// Editing the page-table entries of a stretch of one region: taking pages out, changing their
// protection, moving them, breaking 2 MiB pages up. What has to be flushed and freed is gathered.
//
// Entries change by atomic operations, since faults and discards of other CPUs run at the same time
// where the address space's lock is only shared; entries of source pages change under the source's lock.
// Ranges are page aligned and lie inside the region; an anonymous 2 MiB page is either wholly inside or was split
// first. One of a source goes whole even where only a part was asked for: a fault brings the rest back.
#pragma once

#include <optional>

#include "base/result.h"
#include "sync/spinlock.h"
#include "vm/region.h"
#include "vm/tlb_gather.h"

namespace mokapot {

enum class Discard : std::uint8_t {
  kAll,         // the region goes, or its private contents are to be forgotten
  kSourceOnly,  // the source takes its pages back; private copies stay
};

// Flushes by itself when there is much to release, so no spinlock may be held.
void take_pages(const Region& region, VirtAddr begin, VirtAddr end, Discard what, TlbGather& gather);

// The same in the middle of a region, under its source's lock, if it has one: stops when gather has no room and returns
// where to go on after a flush (end when done). The source is who gets the references back, and outlives the flush.
VirtAddr take_pages_locked(PageSource* source, VirtAddr begin, VirtAddr end, Discard what, TlbGather& gather);

void protect_pages(VirtAddr begin, VirtAddr end, Protection protection, TlbGather& gather);

// Whether a 2 MiB page covers address and does not begin there.
bool inside_huge_page(VirtAddr address);
// If so, breaks it into 4 KiB pages. The address space's lock is held exclusively. kENOMEM.
Result<void> split_huge_page(const Region& region, VirtAddr address, TlbGather& gather);

// Moves the pages of [from, from + size) to to, where nothing is mapped. Moves 2 MiB pages whole where
// both sides are aligned, else splits them first. kENOMEM before anything has moved.
Result<void> move_pages(const Region& region, VirtAddr from, VirtAddr to, std::uint64_t size,
                        TlbGather& gather);

// page_table_slot that asks the reclaimers before it fails.
Result<PageTableSlot*> page_table_slot_reclaiming(VirtAddr address, int level);

// Holds a source's lock, or nothing where there is no source: then nobody reaches for what the lock guards,
// so the analysis, which cannot follow the condition, is told of the lock in any case.
class SCOPED_CAPABILITY SourceLock {
 public:
  explicit SourceLock(PageSource* source) ACQUIRE(source->mappings_->lock);
  ~SourceLock() RELEASE();
  SourceLock(const SourceLock&) = delete;
  SourceLock& operator=(const SourceLock&) = delete;

 private:
  std::optional<SpinGuard> guard_;
};

}  // namespace mokapot
