// SPDX-License-Identifier: Apache-2.0
//
// See frame_map.h.
#include "memory/frame_map.h"

#include <algorithm>
#include <new>

#include "trace/log.h"

namespace mokapot {

void FrameMap::initialise(const MemoryRange* ranges, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const PhysAddr begin = ranges[i].begin.page_up();
    const PhysAddr end = ranges[i].end.page_down();
    if (begin >= end) continue;
    if (range_count_ == kMaxRanges) {
      LOG_WARNING("memory: more than %zu ranges, the rest stays unused", kMaxRanges);
      break;
    }
    ranges_[range_count_++] = {begin, end};
  }
  ASSERT(range_count_ > 0);
  make_spans();
  for (std::size_t i = 0; i < span_count_; ++i) place_records(spans_[i]);
  place_sections();
  std::uint64_t usable = 0;
  for (std::size_t i = 0; i < range_count_; ++i) {
    usable += (ranges_[i].end - ranges_[i].begin) >> kPageShift;
  }
  usable_frames_.store(usable, std::memory_order_relaxed);
  ungrown_frames_.store(usable, std::memory_order_relaxed);
}

void FrameMap::make_spans() {
  for (std::size_t i = 0; i < range_count_; ++i) {
    const MemoryRange& range = ranges_[i];
    if (span_count_ > 0) {
      Span& last = spans_[span_count_ - 1];
      const bool shares_section =
          (last.end - kPageSize).value() / kSectionSize == range.begin.value() / kSectionSize;
      // Out of spans: records for the hole cost 1% of it, which beats losing the memory.
      if (shares_section || span_count_ == kMaxSpans) {
        last.end = range.end;
        continue;
      }
    }
    Span& span = spans_[span_count_++];
    span.begin = range.begin;
    span.end = range.end;
    // Growth goes by aligned pieces; the first may begin before the span.
    span.grown_until.store(align_down(range.begin.value(), kGrowthSize), std::memory_order_relaxed);
  }
}

std::size_t FrameMap::largest_range(PhysAddr begin, PhysAddr end) const {
  std::size_t best = range_count_;
  for (std::size_t i = 0; i < range_count_; ++i) {
    const MemoryRange& range = ranges_[i];
    if (range.begin < begin || range.end > end) continue;
    if (best == range_count_ ||
        range.end - range.begin > ranges_[best].end - ranges_[best].begin) {
      best = i;
    }
  }
  return best;
}

PhysAddr FrameMap::carve(std::size_t range, std::uint64_t size) {
  ASSERT(range < range_count_);
  const PhysAddr begin = ranges_[range].begin;
  const std::uint64_t taken = align_up(size, kPageSize);
  ASSERT(ranges_[range].end - begin >= taken);
  ranges_[range].begin = begin + taken;
  return begin;
}

void FrameMap::place_records(Span& span) {
  const std::uint64_t frames = (span.end - span.begin) >> kPageShift;
  const PhysAddr place = carve(largest_range(span.begin, span.end), frames * sizeof(Frame));
  // SAFETY: memory of our own from here on; each record is constructed by grow before it is used.
  span.records = static_cast<Frame*>(direct_map(place));
}

void FrameMap::place_sections() {
  const std::uint64_t top = spans_[span_count_ - 1].end.value();
  section_count_ = (top + kSectionSize - 1) / kSectionSize;
  const PhysAddr place =
      carve(largest_range(PhysAddr(0), PhysAddr(top)), section_count_ * sizeof(Section));
  sections_ = static_cast<Section*>(direct_map(place));
  for (std::size_t i = 0; i < section_count_; ++i) new (&sections_[i]) Section{nullptr};
  for (std::size_t i = 0; i < span_count_; ++i) {
    const Span& span = spans_[i];
    for (std::uint64_t section = span.begin.value() / kSectionSize;
         section * kSectionSize < span.end.value(); ++section) {
      // SAFETY: a biased pointer, indexed only by frames inside the span (integer arithmetic, since
      // the biased address itself may lie before the array).
      const auto bias = static_cast<std::int64_t>(section * kSectionSize - span.begin.value()) /
                        static_cast<std::int64_t>(kPageSize) *
                        static_cast<std::int64_t>(sizeof(Frame));
      sections_[section].records = reinterpret_cast<Frame*>(
          reinterpret_cast<std::uint64_t>(span.records) + static_cast<std::uint64_t>(bias));
    }
  }
}

bool FrameMap::grow(Receiver receiver, void* context) {
  for (std::size_t i = 0; i < span_count_; ++i) {
    Span& span = spans_[i];
    const PhysAddr piece(span.grown_until.load(std::memory_order_relaxed));
    if (piece >= span.end) continue;
    const PhysAddr begin = std::max(piece, span.begin);
    const PhysAddr end = std::min(piece + kGrowthSize, span.end);
    Frame* record = &span.records[(begin - span.begin) >> kPageShift];
    for (PhysAddr at = begin; at < end; at += kPageSize) {
      new (record) Frame{};
      record->use = FrameUse::kReserved;
      ++record;
    }
    // Release: whoever sees the new bound sees the records.
    span.grown_until.store(end == span.end ? span.end.value() : (piece + kGrowthSize).value(),
                           std::memory_order_release);
    hand_out(begin, end, receiver, context);
    std::uint64_t handed = 0;
    for (std::size_t r = 0; r < range_count_; ++r) {
      const PhysAddr from = std::max(ranges_[r].begin, begin);
      const PhysAddr to = std::min(ranges_[r].end, end);
      if (from < to) handed += (to - from) >> kPageShift;
    }
    ungrown_frames_.fetch_sub(handed, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void FrameMap::hand_out(PhysAddr begin, PhysAddr end, Receiver receiver, void* context) const {
  for (std::size_t i = 0; i < range_count_; ++i) {
    const PhysAddr from = std::max(ranges_[i].begin, begin);
    const PhysAddr to = std::min(ranges_[i].end, end);
    if (from < to) receiver(from, to, context);
  }
}

bool FrameMap::add(MemoryRange range, Receiver receiver, void* context) {
  const PhysAddr begin = range.begin.page_up();
  const PhysAddr end = range.end.page_down();
  if (begin >= end) return true;
  for (std::size_t i = 0; i < span_count_; ++i) {
    const Span& span = spans_[i];
    if (begin < span.begin || end > span.end) continue;
    const PhysAddr grown(span.grown_until.load(std::memory_order_relaxed));
    // The part beyond the grown bound is handed out when growth gets there.
    if (end > grown) {
      if (range_count_ == kMaxRanges) return false;
      const PhysAddr rest = std::max(begin, grown);
      ranges_[range_count_++] = {rest, end};
      ungrown_frames_.fetch_add((end - rest) >> kPageShift, std::memory_order_relaxed);
    }
    if (begin < grown) receiver(begin, std::min(end, grown), context);
    usable_frames_.fetch_add((end - begin) >> kPageShift, std::memory_order_relaxed);
    return true;
  }
  return false;
}

PhysAddr FrameMap::address_of(const Frame& frame) const {
  for (std::size_t i = 0; i < span_count_; ++i) {
    const Span& span = spans_[i];
    const std::uint64_t frames = (span.end - span.begin) >> kPageShift;
    if (&frame >= span.records && &frame < span.records + frames) {
      return span.begin + (static_cast<std::uint64_t>(&frame - span.records) << kPageShift);
    }
  }
  panic("not a frame record: %p", static_cast<const void*>(&frame));
}

bool FrameMap::covers(PhysAddr address) const {
  for (std::size_t i = 0; i < span_count_; ++i) {
    const Span& span = spans_[i];
    if (address >= span.begin && address < span.end) {
      return address.value() < span.grown_until.load(std::memory_order_acquire);
    }
  }
  return false;
}

}  // namespace mokapot
