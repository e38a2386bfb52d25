// SPDX-License-Identifier: Apache-2.0
//
// Lock free: each CPU reads the record that the host writes for it; the version number says whether
// the copy is whole.

#include "drivers/kvm_clock.h"

#include <atomic>
#include <cstring>

#include "arch/cpu.h"
#include "arch/msr.h"
#include "memory/frames.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kWallClockMsr = 0x4b56'4d00;
constexpr std::uint32_t kSystemTimeMsr = 0x4b56'4d01;
constexpr std::uint32_t kFeatureClockSource2 = 1u << 3;  // leaf 0x40000001, EAX

// One frame: a record for each CPU, and the wall clock's behind them.
struct SharedPage {
  KvmTimeInfo cpus[kMaxCpus];
  struct {
    std::uint32_t version, seconds, nanoseconds;
  } wall;
};
static_assert(sizeof(SharedPage) <= kPageSize);

constinit SharedPage* page = nullptr;  // set once at boot; the host writes to it
constinit PhysAddr page_address;

template <typename T>
T read_once(const T& field) {
  // SAFETY: the host changes the field behind the compiler's back.
  return *const_cast<const volatile T*>(&field);
}

}  // namespace

bool start_kvm_clock() {
  if (!arch::hypervisor_is(arch::kKvmSignature)) return false;
  if ((arch::cpuid(0x4000'0001, 0).eax & kFeatureClockSource2) == 0) return false;
  const auto frame = allocate_frame(FrameUse::kDevice, FrameContents::kZeroed);
  if (!frame.ok()) return false;
  page_address = frame.value();
  // SAFETY: a frame of our own, large enough; the host knows its address from the register written
  // below.
  page = static_cast<SharedPage*>(direct_map(page_address));
  start_kvm_clock_on_this_cpu();
  return read_once(page->cpus[arch::current_cpu().index()].version) != 0;
}

void start_kvm_clock_on_this_cpu() {
  if (page == nullptr) return;
  constexpr std::uint64_t kEnable = 1;
  const std::uint64_t offset = arch::current_cpu().index() * sizeof(KvmTimeInfo);
  arch::write_msr(kSystemTimeMsr, (page_address.value() + offset) | kEnable);
}

KvmTimeInfo kvm_time_info() {
  while (true) {
    const KvmTimeInfo& shared = page->cpus[arch::current_cpu().index()];
    const std::uint32_t before = read_once(shared.version);
    std::atomic_thread_fence(std::memory_order_acquire);
    KvmTimeInfo copy;
    std::memcpy(&copy, &shared, sizeof(copy));
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((before & 1) == 0 && read_once(shared.version) == before) return copy;
    arch::relax();
  }
}

std::int64_t kvm_wall_clock() {
  arch::write_msr(kWallClockMsr, page_address.value() + offsetof(SharedPage, wall));
  return static_cast<std::int64_t>(read_once(page->wall.seconds) * kNanosecondsPerSecond +
                                   read_once(page->wall.nanoseconds));
}

KvmClock::KvmClock() : start_(kvm_nanoseconds(kvm_time_info(), arch::ordered_cycle_counter())) {}

Instant KvmClock::now() {
  std::uint64_t current = 0;
  {
    // The record and the counter must be of one CPU.
    const InterruptGuard guard;
    current = kvm_nanoseconds(kvm_time_info(), arch::ordered_cycle_counter()) - start_;
  }
  std::uint64_t latest = latest_.load(std::memory_order_relaxed);
  while (current > latest) {
    if (latest_.compare_exchange_weak(latest, current, std::memory_order_relaxed)) latest = current;
  }
  return Instant::from_nanoseconds(static_cast<std::int64_t>(latest));
}

}  // namespace mokapot
