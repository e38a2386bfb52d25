// SPDX-License-Identifier: Apache-2.0

#include "drivers/apic_timer.h"

#include <algorithm>

#include "arch/cpu.h"
#include "arch/msr.h"
#include "drivers/local_apic.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kTscDeadlineMsr = 0x6e0;

}  // namespace

ApicTimer::ApicTimer(std::uint64_t countdown_hz)
    : tsc_deadline_(false),
      ticks_per_nanosecond_(make_scale(kNanosecondsPerSecond, countdown_hz)) {}

ApicTimer::ApicTimer(TscDeadline rate)
    : tsc_deadline_(true), ticks_per_nanosecond_(make_scale(kNanosecondsPerSecond, rate.tsc_hz)) {}

bool cpu_has_tsc_deadline() {
  constexpr std::uint32_t kTscDeadline = 1u << 24;  // leaf 1, ECX
  return (arch::cpuid(1, 0).ecx & kTscDeadline) != 0;
}

void ApicTimer::initialise_cpu() {
  set_apic_timer_mode(tsc_deadline_ ? ApicTimerMode::kTscDeadline : ApicTimerMode::kOneShot);
}

void ApicTimer::arm(Instant deadline) {
  if (deadline.is_never()) {
    // Zero stops either kind.
    if (tsc_deadline_)
      arch::write_msr(kTscDeadlineMsr, 0);
    else
      set_apic_timer_count(0);
    return;
  }
  // A wait of more than an hour is cut: the interrupt comes early and whoever armed it arms it
  // again. Rounded up, so that it is never early by a fraction of a tick, and for ever again.
  const std::int64_t left = (deadline - now()).nanoseconds();
  const std::int64_t nanoseconds =
      std::clamp<std::int64_t>(left, 0, Duration::seconds(3600).nanoseconds());
  const std::uint64_t ticks =
      ticks_per_nanosecond_.load(std::memory_order_relaxed).apply(static_cast<std::uint64_t>(nanoseconds)) + 1;
  if (tsc_deadline_)
    arch::write_msr(kTscDeadlineMsr, arch::cycle_counter() + ticks);
  else
    set_apic_timer_count(static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, UINT32_MAX)));
}

}  // namespace mokapot
