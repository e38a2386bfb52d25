// SPDX-License-Identifier: Apache-2.0
//
// The record through which KVM tells the time, and the arithmetic on it. Pure; any context.
// After Documentation/virt/kvm/x86/msr.rst of Linux (MSR_KVM_SYSTEM_TIME_NEW).
#pragma once

#include <cstdint>

#include "drivers/clock_scale.h"

namespace mokapot {

// What the host writes for one CPU (layout given by KVM).
struct KvmTimeInfo {
  std::uint32_t version;  // odd while the host writes
  std::uint32_t padding0;
  std::uint64_t tsc_timestamp;
  std::uint64_t system_time;  // ns at tsc_timestamp
  std::uint32_t tsc_to_system_mul;
  std::int8_t tsc_shift;
  std::uint8_t flags;
  std::uint8_t padding1[2];
};
static_assert(sizeof(KvmTimeInfo) == 32);
inline constexpr std::uint8_t kKvmTscStable = 1;  // flags: all CPUs agree

// Nanoseconds at tsc, as KVM defines them.
constexpr std::uint64_t kvm_nanoseconds(const KvmTimeInfo& info, std::uint64_t tsc) {
  std::uint64_t delta = tsc < info.tsc_timestamp ? 0 : tsc - info.tsc_timestamp;
  if (info.tsc_shift >= 0) {
    delta <<= (info.tsc_shift & 63);
  } else {
    delta >>= (-info.tsc_shift & 63);
  }
  return info.system_time + ClockScale{info.tsc_to_system_mul, 32}.apply(delta);
}

// The same mapping in our form. False if the shift is out of range.
constexpr bool kvm_scale(const KvmTimeInfo& info, ClockScale& scale) {
  if (info.tsc_shift > 31 || info.tsc_shift < -31 || info.tsc_to_system_mul == 0) return false;
  scale = {info.tsc_to_system_mul, static_cast<std::uint32_t>(32 - info.tsc_shift)};
  return true;
}

// Ticks of this CPU's TSC in a second; 0 if the record does not say.
constexpr std::uint64_t kvm_tsc_frequency(const KvmTimeInfo& info) {
  ClockScale scale;
  if (!kvm_scale(info, scale)) return 0;
  // The scale gives nanoseconds a tick, which is the frequency upside down.
  constexpr std::uint64_t kTicks = std::uint64_t{1} << 32;
  return measured_frequency(kTicks, scale.apply(kTicks), kNanosecondsPerSecond);
}

}  // namespace mokapot
