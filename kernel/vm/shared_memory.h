// SPDX-License-Identifier: Apache-2.0
//
// The memory behind a mapping that is both MAP_SHARED and anonymous: a file without a name, whose pages
// are made when they are first touched and live as long as any mapping of it.
//
// Lock: one spinlock (rank kPageList) guards the table of frames. Thread context.
#pragma once

#include "base/ref_counted.h"
#include "base/result.h"
#include "base/vector.h"
#include "sync/spinlock.h"
#include "vm/page_source.h"

namespace mokapot {

class SharedMemory final : public PageSource {
 public:
  // kENOMEM, also beyond 1 TiB.
  static Result<RefPtr<PageSource>> create(std::uint64_t pages);
  SharedMemory(std::uint64_t pages, std::uint64_t number) : pages_(pages), number_(number) {}
  ~SharedMemory() override;

  Result<PhysAddr> frame_for_mapping(std::uint64_t index, bool for_write) override;
  Result<PhysAddr> cached_frame_for_mapping(std::uint64_t index) override;
  void release_frame(PhysAddr frame, bool dirty) override;
  bool writable() const override { return true; }
  Identity identity() const override { return {.device = 1, .inode = number_}; }
  std::size_t describe(char* buffer, std::size_t size) const override;
  Result<void> punch_hole(std::uint64_t first, std::uint64_t count) override;

 private:
  // A leaf is one frame of 512 physical addresses, 0 where there is no page.
  static constexpr std::uint64_t kPerLeaf = kPageSize / sizeof(std::uint64_t);
  std::uint64_t* entry_locked(std::uint64_t index) REQUIRES(lock_);

  const std::uint64_t pages_;
  const std::uint64_t number_;
  SpinLock lock_{LockRank::kPageList};
  Vector<std::uint64_t*> leaves_ GUARDED_BY(lock_);  // size fixed at creation
};

}  // namespace mokapot
