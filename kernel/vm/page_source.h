// SPDX-License-Identifier: Apache-2.0
//
// Where the pages of a mapped file come from. vm owns the interface, fs implements it (one object a file,
// shared by all its mappings, with the file's page cache behind it). tmpfs, memfd and shared anonymous
// memory are page sources too.
//
// Reverse mapping: the source knows the regions that map it, so that eviction and truncation can take
// pages out of the page table. mappings_lock_ (rank kPageTable's predecessor, a spinlock) guards the list;
// it may be held while page-table locks are taken, never the other way round.
#pragma once

#include <cstdint>

#include "base/intrusive.h"
#include "base/ref_counted.h"
#include "base/result.h"
#include "base/types.h"
#include "sync/spinlock.h"

namespace mokapot {

class Region;

class PageSource : public RefCounted<PageSource> {
 public:
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

  // MAP_SHARED and PROT_WRITE together permitted? (read-only file systems, descriptors opened for reading)
  virtual bool writable() const = 0;
  // "/path" for /proc/self/maps; device and inode numbers likewise.
  struct Identity { std::uint64_t device; std::uint64_t inode; };
  virtual Identity identity() const = 0;
  virtual std::size_t describe(char* buffer, std::size_t size) const = 0;

  // Takes pages [first, first + count) out of every mapping; private copies (anonymous frames) stay for
  // kKeepPrivateCopies (eviction), go for kDropPrivateCopies (truncation). Flushes TLBs before it returns and
  // drops the mappings' references. Thread context; no spinlock held. Implemented in vm/.
  enum class PrivateCopies : std::uint8_t { kKeep, kDrop };
  void unmap_pages(std::uint64_t first, std::uint64_t count, PrivateCopies copies);

 private:
  friend class AddressSpace;
  friend class Region;
  SpinLock mappings_lock_{LockRank::kTask};
  struct MappingList;  // of Regions
 public:
  ListHook* mapping_list_storage[2] = {nullptr, nullptr};  // vm's: see vm/region.h
};

}  // namespace mokapot
