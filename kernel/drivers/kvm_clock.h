// SPDX-License-Identifier: Apache-2.0
//
// KVM's paravirtual clock: the host writes, for each virtual CPU, how its TSC maps to nanoseconds.
// After Documentation/virt/kvm/x86/msr.rst of Linux (MSR_KVM_SYSTEM_TIME_NEW,
// MSR_KVM_WALL_CLOCK_NEW).
#pragma once

#include <atomic>
#include <cstdint>

#include "drivers/kvm_time.h"
#include "time/clock.h"

namespace mokapot {

// Whether the hypervisor is KVM and has the clock; then turns it on for this CPU. Boot.
bool start_kvm_clock();
void start_kvm_clock_on_this_cpu();  // further CPUs; nothing to do where it is not in use
KvmTimeInfo kvm_time_info();         // of this CPU, consistent; interrupts off
// Unix time in nanoseconds at which the clock read 0.
std::int64_t kvm_wall_clock();

// The clock itself, for hosts whose TSC is not stable across CPUs.
class KvmClock final : public ClockSource {
 public:
  KvmClock();
  const char* name() const override { return "kvm-clock"; }
  Instant now() override;
  bool tsc_parameters(TscParameters&) override { return false; }

 private:
  std::uint64_t start_;
  // The latest time that any CPU has seen. Relaxed: a maximum, it orders nothing else.
  std::atomic<std::uint64_t> latest_{0};
};

}  // namespace mokapot
