// SPDX-License-Identifier: Apache-2.0
//
// A frame allocator for tests of what stands on it: first fit over the arena of fakes/direct_map.cc,
// with exact accounting and a limit to run into. Tests of the real one name kernel/memory/frames.cc.

#include "memory/frames.h"

#include <cstring>
#include <mutex>
#include <vector>

#include "fakes/physical_memory.h"

namespace mokapot {
namespace {

struct State {
  std::mutex mutex;
  std::vector<Frame> frames{fake::kPhysicalSize >> kPageShift};
  FrameStatistics statistics{};
  long left = -1;
  State() {
    statistics.total_frames = statistics.free_frames = frames.size();
    for (Frame& frame : frames) frame.use = FrameUse::kFree;
  }
};

State& state() {
  static State instance;
  return instance;
}

std::size_t number_of(PhysAddr address) {
  return (address.value() - fake::kPhysicalBase) >> kPageShift;
}

std::uint64_t& used_by(FrameUse use) {
  return state().statistics.used_by[static_cast<std::size_t>(use)];
}

}  // namespace

void fake::limit_frames(long frames) { state().left = frames; }

void initialise_frames(const MemoryRange*, std::size_t) {}
void add_memory(MemoryRange) {}

Result<PhysAddr> allocate_frames(unsigned order, FrameUse use, FrameContents contents) {
  State& s = state();
  const std::lock_guard guard(s.mutex);
  const std::size_t count = std::size_t{1} << order;
  if (s.left >= 0 && s.left < static_cast<long>(count)) return Errno::kENOMEM;
  for (std::size_t first = 0; first + count <= s.frames.size(); first += count) {
    bool free = true;
    for (std::size_t i = 0; i < count && free; ++i) free = s.frames[first + i].use == FrameUse::kFree;
    if (!free) continue;
    for (std::size_t i = 0; i < count; ++i) {
      Frame& frame = s.frames[first + i];
      frame.use = use;
      frame.references = 0;
      frame.flags = 0;
      frame.owner = nullptr;
      frame.index = 0;
    }
    s.frames[first].order = static_cast<std::uint8_t>(order);
    s.statistics.free_frames -= count;
    used_by(use) += count;
    if (s.left >= 0) s.left -= static_cast<long>(count);
    const PhysAddr address(fake::kPhysicalBase + (first << kPageShift));
    // Uninitialised frames hold rubbish here, so that a test sees who relied on zeroes.
    std::memset(direct_map(address), contents == FrameContents::kZeroed ? 0 : 0xa5,
                count << kPageShift);
    return address;
  }
  return Errno::kENOMEM;
}

Result<PhysAddr> allocate_frame(FrameUse use, FrameContents contents) {
  return allocate_frames(0, use, contents);
}

void free_frames(PhysAddr address, unsigned order) {
  State& s = state();
  const std::lock_guard guard(s.mutex);
  const std::size_t count = std::size_t{1} << order;
  for (std::size_t i = 0; i < count; ++i) {
    Frame& frame = s.frames[number_of(address) + i];
    ASSERT(frame.use != FrameUse::kFree);  // freed twice
    ASSERT(!frame.list_hook.is_linked());  // still on its owner's list
    --used_by(frame.use);
    frame.use = FrameUse::kFree;
  }
  s.statistics.free_frames += count;
  if (s.left >= 0) s.left += static_cast<long>(count);
}

void free_frame(PhysAddr address) { free_frames(address, 0); }

void split_allocated_block(PhysAddr address, unsigned order) {
  State& s = state();
  const std::lock_guard guard(s.mutex);
  for (std::size_t i = 0; i < std::size_t{1} << order; ++i) s.frames[number_of(address) + i].order = 0;
}

Frame& frame_at(PhysAddr address) { return state().frames[number_of(address)]; }

PhysAddr address_of(const Frame& frame) {
  const auto number = static_cast<std::uint64_t>(&frame - state().frames.data());
  return PhysAddr(fake::kPhysicalBase + (number << kPageShift));
}

bool is_managed(PhysAddr address) {
  return address.value() >= fake::kPhysicalBase && number_of(address) < state().frames.size();
}

bool is_readable_by_devices(PhysAddr address) { return is_managed(address); }

FrameStatistics frame_statistics() {
  const std::lock_guard guard(state().mutex);
  return state().statistics;
}

std::uint64_t total_frame_count() { return frame_statistics().total_frames; }
std::uint64_t free_frame_estimate() { return frame_statistics().free_frames; }

void change_frame_use(PhysAddr address, FrameUse use) {
  const std::lock_guard guard(state().mutex);
  Frame& frame = frame_at(address);
  --used_by(frame.use);
  frame.use = use;
  ++used_by(use);
}

}  // namespace mokapot
