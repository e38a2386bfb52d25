// SPDX-License-Identifier: Apache-2.0
//
// See tlb_gather.h.
#include "vm/tlb_gather.h"

#include <bit>
#include <iterator>
#include <utility>

#include "irq/irq.h"
#include "irq/lazy_flush.h"
#include "sync/spinlock.h"
#include "vm/huge_pool.h"
#include "vm/resident.h"

namespace mokapot {

constinit std::atomic<std::uint32_t> TlbGather::pending_{0};

void TlbGather::invalidate(VirtAddr address) {
  if (address_count_ == 0) pending_.fetch_add(1, std::memory_order_acq_rel);
  if (address_count_ < kMaxAddresses) addresses_[address_count_] = address.value();
  if (address_count_ <= kMaxAddresses) ++address_count_;
}

void TlbGather::invalidate_range(VirtAddr begin, VirtAddr end) {
  for (VirtAddr at = begin; at < end && address_count_ <= kMaxAddresses; at += kPageSize) {
    invalidate(at);
  }
}

void TlbGather::free_after_flush(PhysAddr block) { blocks_.push_back(frame_at(block)); }

void TlbGather::take_page(VirtAddr address, Entry entry, int level, PageSource* source) {
  // A source takes pages without the address space's lock, so the flush of what withdrew this one, or of what was here
  // before it, may be still to come.
  const bool unsure = source != nullptr && (entry.withdrawn() || is_any_pending());
  if (entry.accessed() || unsure) invalidate(address);
  if (source != nullptr) took_from_source_ = true;
  const std::int64_t pages = level == 0 ? 1 : static_cast<std::int64_t>(arch::kEntriesPerTable);
  taken_[static_cast<std::size_t>(resident_kind(entry.frame(), entry.owned()))] += pages;
  if (entry.owned()) {
    if (level == 1 && !is_huge_pool_block(entry.frame())) count_huge_pages(-1);
    free_after_flush(entry.frame());
    return;
  }
  ASSERT(source != nullptr && room());
  pages_[source_pages_++] = {
      source, entry.frame().value() | (entry.dirty() ? kDirtyPage : 0) | (level == 1 ? kHugePage : 0)};
}

void TlbGather::flush_this_cpu(void* argument) {
  const TlbGather& gather = *static_cast<const TlbGather*>(argument);
  if (gather.address_count_ > kMaxAddresses) return arch::flush_tlb();
  for (std::size_t i = 0; i < gather.address_count_; ++i) {
    arch::invalidate_page(VirtAddr(gather.addresses_[i]));
  }
}

void TlbGather::flush() {
  const bool has_addresses = address_count_ > 0;
  // A page of a source may have been moved by somebody who has not flushed its old address yet (mremap).
  if (took_from_source_ && pending_.load(std::memory_order_acquire) > (has_addresses ? 1 : 0)) {
    if (!has_addresses) pending_.fetch_add(1, std::memory_order_acq_rel);
    address_count_ = kMaxAddresses + 1;
  }
  took_from_source_ = false;
  if (address_count_ > 0) {
    const CpuMask online = online_cpus();
    if (std::has_single_bit(online)) {
      flush_this_cpu(this);
    } else {
      // Every CPU, this one included: the thread may move between looking and flushing. Idle ones flush before
      // they run a thread again.
      call_on_cpus(idle_cpus_too_ ? online : leave_flush_to_idle_cpus(online), flush_this_cpu, this);
    }
    address_count_ = 0;
    idle_cpus_too_ = false;
    pending_.fetch_sub(1, std::memory_order_acq_rel);
  }
  for (std::size_t kind = 0; kind < std::size(taken_); ++kind) {
    const std::int64_t pages = std::exchange(taken_[kind], 0);
    if (pages != 0) count_resident(static_cast<ResidentKind>(kind), -pages);
  }
  while (!blocks_.empty()) {
    Frame& frame = blocks_.front();
    blocks_.pop_front();
    if (frame.order == kHugeFrameOrder && (frame.flags & kHugePoolBlock) != 0) {
      return_huge_block(address_of(frame));
    } else {
      free_frames(address_of(frame), frame.order);
    }
  }
  for (std::size_t i = 0; i < source_pages_; ++i) {
    const SourcePage& page = pages_[i];
    const PhysAddr frame(align_down(page.frame_and_bits, kPageSize));
    const std::uint64_t frames = (page.frame_and_bits & kHugePage) != 0 ? arch::kEntriesPerTable : 1;
    for (std::uint64_t part = 0; part < frames; ++part) {
      page.source->release_frame(frame + (part << kPageShift), (page.frame_and_bits & kDirtyPage) != 0);
    }
  }
  source_pages_ = 0;
}

}  // namespace mokapot
