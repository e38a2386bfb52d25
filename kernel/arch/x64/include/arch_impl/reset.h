// SPDX-License-Identifier: Apache-2.0
//
// x86-64 inline part of arch/reset.h.
#pragma once

#include <cstdint>

namespace mokapot::arch {

[[noreturn]] inline void triple_fault() {
  // An interrupt table without entries: the exception below finds no handler, nor does the double
  // fault.
  struct __attribute__((packed)) {
    std::uint16_t limit = 0;
    std::uint64_t base = 0;
  } const empty_table;
  // SAFETY: nothing runs on this CPU afterwards.
  asm volatile("lidt %0; ud2" : : "m"(empty_table));
  __builtin_unreachable();
}

}  // namespace mokapot::arch
