// SPDX-License-Identifier: Apache-2.0
//
// What the processor says of itself, for people: /proc/cpuinfo and log lines. Any context but NMI.
#pragma once

#include <cstdint>

namespace mokapot::arch {

struct ProcessorDescription {
  char vendor[13];
  char model_name[49];
  unsigned family, model, stepping;
  unsigned cache_kib;      // largest cache, 0 if unknown
  unsigned physical_bits, virtual_bits;
  unsigned flush_bytes;    // cache line that CLFLUSH works on
};
ProcessorDescription describe_processor();

struct CacheDescription {
  enum class Kind : std::uint8_t { kData, kInstruction, kUnified } kind;
  unsigned level;
  unsigned line_bytes, partitions, ways, sets;
  unsigned sharing;  // logical processors that may share it, at most
  std::uint64_t bytes() const { return std::uint64_t{line_bytes} * partitions * ways * sets; }
};
// The caches in CPUID's order; false beyond the last.
bool describe_cache(unsigned index, CacheDescription& cache);

// Names of the features that the application can use, as Linux spells them, in Linux's order.
void for_each_processor_feature(void (*visit)(const char* name, void* context), void* context);

// Frequency of the cycle counter as CPUID has it, in kHz; 0 if it does not say.
std::uint64_t described_frequency_khz();

}  // namespace mokapot::arch
