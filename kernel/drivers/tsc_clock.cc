// SPDX-License-Identifier: Apache-2.0

#include "drivers/tsc_clock.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "sync/spinlock.h"

namespace mokapot {

TscClock::TscClock(ClockScale scale, std::uint64_t tsc_base)
    : tsc_base_(tsc_base), multiplier_(scale.multiplier), shift_(scale.shift) {}

ClockSource::TscParameters TscClock::snapshot() const {
  TscParameters result;
  while (true) {
    const std::uint32_t before = sequence_.load(std::memory_order_acquire);
    result.tsc_base = tsc_base_.load(std::memory_order_relaxed);
    result.base_nanoseconds = base_nanoseconds_.load(std::memory_order_relaxed);
    result.multiplier = multiplier_.load(std::memory_order_relaxed);
    result.shift = shift_.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);  // the fields before the second look
    if ((before & 1) == 0 && sequence_.load(std::memory_order_relaxed) == before) return result;
    arch::relax();
  }
}

std::int64_t TscClock::nanoseconds_at(const TscParameters& parameters, std::uint64_t tsc) {
  // A CPU whose counter lags the base by a few ticks reads the base.
  if (tsc < parameters.tsc_base) return parameters.base_nanoseconds;
  const ClockScale scale{parameters.multiplier, parameters.shift};
  return parameters.base_nanoseconds +
         static_cast<std::int64_t>(scale.apply(tsc - parameters.tsc_base));
}

Instant TscClock::now() {
  const TscParameters parameters = snapshot();
  return Instant::from_nanoseconds(nanoseconds_at(parameters, arch::ordered_cycle_counter()));
}

bool TscClock::tsc_parameters(TscParameters& parameters) {
  parameters = snapshot();
  return true;
}

void TscClock::refine(ClockScale scale) {
  const InterruptGuard guard;  // a handler that asks for the time here would wait for us for ever
  const TscParameters old = snapshot();
  const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
  sequence_.store(sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // odd before any field changes
  // Read while readers are held up: nobody has got a later time under the old scale.
  const std::uint64_t tsc = arch::ordered_cycle_counter();
  base_nanoseconds_.store(nanoseconds_at(old, tsc), std::memory_order_relaxed);
  tsc_base_.store(tsc, std::memory_order_relaxed);
  multiplier_.store(scale.multiplier, std::memory_order_relaxed);
  shift_.store(scale.shift, std::memory_order_relaxed);
  sequence_.store(sequence + 2, std::memory_order_release);
}

}  // namespace mokapot
