// SPDX-License-Identifier: Apache-2.0
//
// The scope of one change to the regions: holds the address space's lock exclusively, gathers what has to
// be flushed and freed, and keeps removed regions. When it ends it flushes, drops the lock, and only
// then destroys the regions: the last reference to a file may go with one, which may block on locks that
// come before ours.
#pragma once

#include <optional>

#include "sched/mutex.h"
#include "vm/region.h"
#include "vm/tlb_gather.h"

namespace mokapot {

class SCOPED_CAPABILITY RegionChange {
 public:
  explicit RegionChange(RwLock& lock) ACQUIRE(lock) NO_THREAD_SAFETY_ANALYSIS { guard_.emplace(lock); }
  ~RegionChange() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    gather.flush();
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

  TlbGather gather;

 private:
  std::optional<WriteGuard> guard_;
  Region* doomed_ = nullptr;
};

}  // namespace mokapot
