// SPDX-License-Identifier: Apache-2.0
//
// How much of the application's memory is resident, and how it came to be. Counters are per CPU, since
// every fault changes them; a page may be counted on one CPU and discounted on another, so only sums mean
// anything. Any thread context; no lock.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "vm/entry.h"

namespace mokapot {

enum class ResidentKind : std::uint8_t { kAnonymous, kFile, kShared, kCount };

struct ResidentBytes {
  std::uint64_t of[static_cast<std::size_t>(ResidentKind::kCount)];
  std::uint64_t peak;
};

ResidentKind resident_kind(PhysAddr frame, bool owned);
void count_resident(ResidentKind kind, std::int64_t pages);
// Anonymous 2 MiB pages, which count_resident has counted as well.
void count_huge_pages(std::int64_t pages);
std::uint64_t huge_page_count();
// Call before memory is taken away, so that the peak is not missed.
void note_peak_resident();
ResidentBytes resident_bytes();

void count_fault(bool major);
// Both at once, for the path that all first touches take.
void count_populating_fault(ResidentKind kind, std::int64_t pages, bool major);
std::uint64_t minor_faults();
std::uint64_t major_faults();

}  // namespace mokapot
