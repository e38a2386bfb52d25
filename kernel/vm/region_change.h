// SPDX-License-Identifier: Apache-2.0
//
// The scope of one change to the regions: holds the address space's lock exclusively, gathers what has to
// be flushed and freed, and keeps removed regions. When it ends it flushes, drops the lock, and only
// then destroys the regions: the last reference to a file may go with one, which may block on locks that
// come before ours.
#pragma once

#include <optional>

#include "sched/mutex.h"
#include "vm/huge_pool.h"
#include "vm/region.h"
#include "vm/tlb_gather.h"

namespace mokapot {

class SCOPED_CAPABILITY RegionChange {
 public:
  explicit RegionChange(RwLock& lock) ACQUIRE(lock) NO_THREAD_SAFETY_ANALYSIS { guard_.emplace(lock); }
  ~RegionChange() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    gather.flush();
    if (huge_blocks_ > 0) release_huge_blocks(huge_blocks_);  // the populated ones have just come back
    guard_.reset();
    while (doomed_ != nullptr) {
      Region* region = doomed_;
      doomed_ = region->next_doomed;
      delete region;
    }
  }
  RegionChange(const RegionChange&) = delete;
  RegionChange& operator=(const RegionChange&) = delete;

  // The region has left the tree and its source's list.
  void doom(Region& region) {
    region.next_doomed = doomed_;
    doomed_ = &region;
  }

  // So many pages of MAP_HUGETLB are mapped no longer.
  void give_up_huge_blocks(std::uint64_t count) { huge_blocks_ += count; }

  TlbGather gather;

 private:
  std::optional<WriteGuard> guard_;
  Region* doomed_ = nullptr;
  std::uint64_t huge_blocks_ = 0;
};

}  // namespace mokapot
