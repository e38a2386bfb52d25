// SPDX-License-Identifier: Apache-2.0
//
// What one operation took out of the page table: addresses that processors may still translate, and frames
// that may be reused only once no processor does. flush() tells all processors in one message and then
// frees everything. One object serves one operation, on its thread's stack.
//
// flush() must be called in thread context with interrupts on and no spinlock held: it waits for
// other CPUs. It is a no-op if nothing was gathered, and runs at destruction at the latest.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/intrusive.h"
#include "memory/frames.h"
#include "vm/entry.h"
#include "vm/page_source.h"
#include "vm/resident.h"

namespace mokapot {

class TlbGather {
 public:
  TlbGather() = default;
  ~TlbGather() { flush(); }
  TlbGather(const TlbGather&) = delete;
  TlbGather& operator=(const TlbGather&) = delete;

  // A translation of address changed that processors may have cached.
  void invalidate(VirtAddr address);
  void invalidate_range(VirtAddr begin, VirtAddr end);
  // A block of memory that nothing else refers to.
  void free_after_flush(PhysAddr block);
  // Idle CPUs may leave the flush of application pages for later. Not so where a table page goes (a
  // processor may walk a cached upper entry by itself at any time) or where kernel addresses change.
  void include_idle_cpus() { idle_cpus_too_ = true; }
  // A page taken out at address (level 0 or 1), with what it stood for. For source pages there must
  // be room(): the reference goes back to source, which must outlive the flush.
  void take_page(VirtAddr address, Entry entry, int level, PageSource* source);
  bool room() const { return source_pages_ < kMaxSourcePages; }
  // Whether anybody's flush is still to come. Of a source's pages this is known under its lock: they are taken and moved
  // under it, and counted before it is dropped.
  static bool is_any_pending() { return pending_.load(std::memory_order_acquire) > 0; }

  void flush();

 private:
  static constexpr std::size_t kMaxAddresses = 32;  // beyond, flushing all is cheaper
  static constexpr std::size_t kMaxSourcePages = 64;
  static constexpr std::uint64_t kDirtyPage = 1, kHugePage = 2;
  struct SourcePage {
    PageSource* source;
    std::uint64_t frame_and_bits;
  };

  static void flush_this_cpu(void* gather);

  // Objects that have gathered addresses and not flushed yet.
  static std::atomic<std::uint32_t> pending_;

  std::uint64_t addresses_[kMaxAddresses];
  bool idle_cpus_too_ = false;
  bool took_from_source_ = false;
  std::size_t address_count_ = 0;  // above kMaxAddresses: flush all
  std::int64_t taken_[static_cast<std::size_t>(ResidentKind::kCount)] = {};  // pages, to be discounted
  SourcePage pages_[kMaxSourcePages];
  std::size_t source_pages_ = 0;
  IntrusiveList<Frame, &Frame::list_hook> blocks_;
};

}  // namespace mokapot
