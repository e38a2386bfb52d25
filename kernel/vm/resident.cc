// SPDX-License-Identifier: Apache-2.0
//
// See resident.h.
#include "vm/resident.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "irq/irq.h"
#include "memory/frames.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(ResidentKind::kCount);

// Written by its own CPU without preemption (plain load and store, no locked instruction); read by all.
struct Counters {
  std::atomic<std::int64_t> pages[kKinds] = {};
  std::atomic<std::int64_t> faults[2] = {};
  std::atomic<std::int64_t> huge_pages = 0;
};
constinit PerCpu<Counters> counters;
constinit std::atomic<std::uint64_t> peak_bytes{0};

void add(std::atomic<std::int64_t>& counter, std::int64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

template <typename Pick>
std::uint64_t sum(Pick pick) {
  std::int64_t total = 0;
  for (CpuMask left = online_cpus(); left != 0; left &= left - 1) {
    const CpuId cpu(static_cast<std::uint32_t>(std::countr_zero(left)));
    total += pick(counters.of(cpu)).load(std::memory_order_relaxed);
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(total, 0));
}

}  // namespace

ResidentKind resident_kind(PhysAddr frame, bool owned) {
  if (owned) return ResidentKind::kAnonymous;
  if (!is_managed(frame)) return ResidentKind::kFile;
  const FrameUse use = frame_at(frame).use;
  return use == FrameUse::kTmpfs || use == FrameUse::kHugeTlb ? ResidentKind::kShared : ResidentKind::kFile;
}

void count_resident(ResidentKind kind, std::int64_t pages) {
  PreemptGuard guard;
  add(counters.mine().pages[static_cast<std::size_t>(kind)], pages);
}

void count_huge_pages(std::int64_t pages) {
  PreemptGuard guard;
  add(counters.mine().huge_pages, pages);
}
std::uint64_t huge_page_count() { return sum([](Counters& c) -> auto& { return c.huge_pages; }); }

void note_peak_resident() { (void)resident_bytes(); }

ResidentBytes resident_bytes() {
  ResidentBytes bytes{};
  std::uint64_t total = 0;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    bytes.of[kind] = sum([&](Counters& c) -> auto& { return c.pages[kind]; }) << kPageShift;
    total += bytes.of[kind];
  }
  std::uint64_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (total > peak && !peak_bytes.compare_exchange_weak(peak, total, std::memory_order_relaxed)) {
  }
  bytes.peak = std::max(peak, total);
  return bytes;
}

void count_fault(bool major) {
  PreemptGuard guard;
  add(counters.mine().faults[major ? 1 : 0], 1);
}
void count_populating_fault(ResidentKind kind, std::int64_t pages, bool major) {
  PreemptGuard guard;
  Counters& mine = counters.mine();
  add(mine.pages[static_cast<std::size_t>(kind)], pages);
  add(mine.faults[major ? 1 : 0], 1);
}
std::uint64_t minor_faults() { return sum([](Counters& c) -> auto& { return c.faults[0]; }); }
std::uint64_t major_faults() { return sum([](Counters& c) -> auto& { return c.faults[1]; }); }

}  // namespace mokapot
