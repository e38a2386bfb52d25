// SPDX-License-Identifier: Apache-2.0
//
// x86-64 inline part of arch/msr.h.
#pragma once

#include <cstdint>

namespace mokapot::arch {

struct CpuidLeaf {
  std::uint32_t eax;
  std::uint32_t ebx;
  std::uint32_t ecx;
  std::uint32_t edx;
};

// SAFETY (all asm below): the caller vouches that the register exists; "memory" because many a
// register changes how memory is seen.
inline std::uint64_t read_msr(std::uint32_t number) {
  std::uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number) : "memory");
  return (std::uint64_t{high} << 32) | low;
}
inline void write_msr(std::uint32_t number, std::uint64_t value) {
  const auto low = static_cast<std::uint32_t>(value);
  const auto high = static_cast<std::uint32_t>(value >> 32);
  asm volatile("wrmsr" : : "a"(low), "d"(high), "c"(number) : "memory");
}
inline CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  CpuidLeaf result;
  asm volatile("cpuid"
               : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
               : "a"(leaf), "c"(subleaf));
  return result;
}
inline CpuidLeaf hypervisor_leaf() {
  constexpr std::uint32_t kHypervisorPresent = 1u << 31;  // leaf 1, ECX
  if ((cpuid(1, 0).ecx & kHypervisorPresent) == 0) return {};
  return cpuid(0x4000'0000, 0);
}

inline std::uint64_t ordered_cycle_counter() {
  std::uint32_t low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (std::uint64_t{high} << 32) | low;
}

}  // namespace mokapot::arch
