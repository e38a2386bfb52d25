// SPDX-License-Identifier: Apache-2.0
//
// From physical addresses to Frame records. Records lie in the memory that they describe: one array a
// span, a span being a run of memory without large holes. The records of a span are initialised piece by
// piece, in ascending order, as the allocator needs more memory: touching all of them at boot would cost
// time, and would make the host back 1% of a memory that the application may never use.
//
// Locks: changed under the frame allocator's lock only; records and sections, once there, stay, and
// are read without a lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/types.h"
#include "memory/frames.h"

namespace mokapot {

// The granule of look-up. Two spans never share a section.
inline constexpr std::uint64_t kSectionSize = std::uint64_t{128} << 20;
// The granule of initialisation: a multiple of the largest block, so that a buddy is never uninitialised.
inline constexpr std::uint64_t kGrowthSize = std::uint64_t{8} << 20;
static_assert(kGrowthSize % (kPageSize << kMaxFrameOrder) == 0 && kSectionSize % kGrowthSize == 0);

class FrameMap {
 public:
  // Where free frames go: freed is called for each run of usable frames whose records are initialised.
  using Receiver = void (*)(PhysAddr begin, PhysAddr end, void* context);

  // Lays out the records. Usable frames reach the caller through grow.
  void initialise(const MemoryRange* ranges, std::size_t count);
  // Initialises the next piece; false when all memory has been handed out.
  bool grow(Receiver receiver, void* context);
  // More usable memory inside a known section; false if there is no record for it.
  bool add(MemoryRange range, Receiver receiver, void* context);

  Frame& at(PhysAddr address) const {
    const Section& section = sections_[address.value() / kSectionSize];
    return section.records[(address.value() % kSectionSize) >> kPageShift];
  }
  PhysAddr address_of(const Frame& frame) const;
  // Has an initialised record (usable or not).
  bool covers(PhysAddr address) const;

  std::uint64_t usable_frames() const { return usable_frames_.load(std::memory_order_relaxed); }
  std::uint64_t ungrown_frames() const { return ungrown_frames_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kMaxRanges = 128;
  static constexpr std::size_t kMaxSpans = 16;

  struct Section {
    Frame* records;  // of the section's first frame, whether or not that is inside the span
  };
  struct Span {
    PhysAddr begin, end;                     // page aligned
    Frame* records;                          // of begin
    std::atomic<std::uint64_t> grown_until;  // physical address; below it records are initialised
  };

  void make_spans();
  void place_records(Span& span);
  void place_sections();
  PhysAddr carve(std::size_t range, std::uint64_t size);
  std::size_t largest_range(PhysAddr begin, PhysAddr end) const;
  void hand_out(PhysAddr begin, PhysAddr end, Receiver receiver, void* context) const;

  MemoryRange ranges_[kMaxRanges];
  std::size_t range_count_ = 0;
  Span spans_[kMaxSpans];
  std::size_t span_count_ = 0;
  Section* sections_ = nullptr;
  std::size_t section_count_ = 0;
  std::atomic<std::uint64_t> usable_frames_{0};
  std::atomic<std::uint64_t> ungrown_frames_{0};
};

}  // namespace mokapot
