// SPDX-License-Identifier: Apache-2.0
//
// Model-specific registers and the processor's description of itself. Any context. Reading or
// writing a register that the CPU does not have is a fault and so a panic: ask cpuid first.
#pragma once

#include <cstring>

#include "arch_impl/msr.h"  // IWYU pragma: export

namespace mokapot::arch {

std::uint64_t read_msr(std::uint32_t number);
void write_msr(std::uint32_t number, std::uint64_t value);

CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf);
// The hypervisor's signature leaf, 0x40000000, or a zeroed one where no hypervisor shows itself.
CpuidLeaf hypervisor_leaf();
// Whether that leaf has this signature of twelve characters.
inline bool hypervisor_is(const char (&signature)[13]) {
  const CpuidLeaf leaf = hypervisor_leaf();
  return std::memcmp(&leaf.ebx, signature, 4) == 0 && std::memcmp(&leaf.ecx, signature + 4, 4) == 0 &&
         std::memcmp(&leaf.edx, signature + 8, 4) == 0;
}
inline constexpr char kTcgSignature[] = "TCGTCGTCGTCG", kKvmSignature[] = "KVMKVMKVM\0\0\0";

// As cycle_counter() of arch/cpu.h, and not before what precedes it in the program: for clocks that
// CPUs compare with each other.
std::uint64_t ordered_cycle_counter();

}  // namespace mokapot::arch
