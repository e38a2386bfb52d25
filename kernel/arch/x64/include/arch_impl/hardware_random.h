// SPDX-License-Identifier: Apache-2.0
//
// x86-64 part of arch/hardware_random.h: RDSEED where it is offered, else RDRAND.
#pragma once

#include <cstdint>

#include "arch_impl/msr.h"

namespace mokapot::arch {

inline bool hardware_random(std::uint64_t& value) {
  constexpr std::uint32_t kRdrand = 1u << 30;  // leaf 1, ECX
  constexpr std::uint32_t kRdseed = 1u << 18;  // leaf 7, EBX
  constexpr int kAttempts = 10;                // what Intel's guide calls for before giving up
  const bool has_leaf_7 = cpuid(0, 0).eax >= 7;
  bool valid = false;
  // SAFETY: each instruction runs only where CPUID offers it; they write one register and the
  // flags.
  if (has_leaf_7 && (cpuid(7, 0).ebx & kRdseed) != 0) {
    for (int i = 0; i < kAttempts && !valid; ++i) {
      asm volatile("rdseed %0" : "=r"(value), "=@ccc"(valid));
    }
  }
  if (!valid && (cpuid(1, 0).ecx & kRdrand) != 0) {
    for (int i = 0; i < kAttempts && !valid; ++i) {
      asm volatile("rdrand %0" : "=r"(value), "=@ccc"(valid));
    }
  }
  return valid;
}

}  // namespace mokapot::arch
