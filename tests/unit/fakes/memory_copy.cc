// SPDX-License-Identifier: Apache-2.0
//
// Copies that may meet a bad application address. On the host "application memory" is any memory; a test
// names the stretches that are to fault (fakes/memory_copy.h), and the copy stops where Linux's would.

#include "arch/memory_copy.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "fakes/memory_copy.h"

namespace mokapot {
namespace {

struct BadRange {
  std::uintptr_t begin;
  std::uintptr_t end;
};
std::vector<BadRange> bad_ranges;

// How many of the bytes from address on can be reached before the first that faults.
std::size_t reachable(const void* address, std::size_t size) {
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  std::uintptr_t end = begin + size;
  for (const BadRange& bad : bad_ranges) {
    if (bad.begin < end && begin < bad.end) end = std::max(begin, bad.begin);
  }
  return end - begin;
}

}  // namespace

void fake::make_range_fault(const void* begin, std::size_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  bad_ranges.push_back({address, address + size});
}
void fake::clear_faulting_ranges() { bad_ranges.clear(); }

namespace arch {

void clear_page(void* page) { std::memset(page, 0, 4096); }
void copy_page(void* to, const void* from) { std::memcpy(to, from, 4096); }

std::size_t copy_or_fault(void* to, const void* from, std::size_t size) {
  const std::size_t possible = std::min(reachable(to, size), reachable(from, size));
  std::memcpy(to, from, possible);
  return size - possible;
}

std::size_t clear_or_fault(void* to, std::size_t size) {
  const std::size_t possible = reachable(to, size);
  std::memset(to, 0, possible);
  return size - possible;
}

std::int64_t copy_string_or_fault(char* to, const char* from, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (reachable(from + i, 1) == 0) return -1;
    to[i] = from[i];
    if (from[i] == '\0') return static_cast<std::int64_t>(i);
  }
  return static_cast<std::int64_t>(size);
}

bool load_u32_or_fault(const std::uint32_t* address, std::uint32_t& value) {
  if (reachable(address, sizeof *address) != sizeof *address) return false;
  value = __atomic_load_n(address, __ATOMIC_SEQ_CST);
  return true;
}

bool compare_exchange_u32_or_fault(std::uint32_t* address, std::uint32_t& expected,
                                   std::uint32_t desired) {
  if (reachable(address, sizeof *address) != sizeof *address) return false;
  __atomic_compare_exchange_n(address, &expected, desired, false, __ATOMIC_SEQ_CST,
                              __ATOMIC_SEQ_CST);
  return true;
}

}  // namespace arch
}  // namespace mokapot
