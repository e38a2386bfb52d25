// SPDX-License-Identifier: Apache-2.0
//
// Types of system-call arguments, and the prototypes that syscalls.def gives.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

using SyscallResult = Result<std::int64_t>;

struct Path {
  VirtAddr address;
};
struct Flags {
  std::uint64_t value;
  constexpr operator std::uint64_t() const { return value; }
};
using Offset = std::int64_t;
struct Descriptor {
  std::int32_t number;
  constexpr operator std::int32_t() const { return number; }
};

// Where MAP_HUGETLB, MFD_HUGETLB and SHM_HUGETLB ask for a size of page: its logarithm; 0: the default.
inline constexpr std::uint32_t kHugePageSizeMask = 0x3fu << 26;
constexpr bool is_huge_page_size(std::uint64_t flags) {
  const std::uint64_t shift = (flags & kHugePageSizeMask) >> 26;
  return shift == 0 || shift == kHugePageShift;
}

// Each is called as a function of six words (dispatch.cc), so its name for the linker is the plain one.
#define PROTOTYPE(name, ...) SyscallResult sys_##name(__VA_ARGS__) asm("sys_" #name);
#define SYSCALL0(number, name) PROTOTYPE(name)
#define SYSCALL1(number, name, t1, a1) PROTOTYPE(name, t1 a1)
#define SYSCALL2(number, name, t1, a1, t2, a2) PROTOTYPE(name, t1 a1, t2 a2)
#define SYSCALL3(number, name, t1, a1, t2, a2, t3, a3) PROTOTYPE(name, t1 a1, t2 a2, t3 a3)
#define SYSCALL4(number, name, t1, a1, t2, a2, t3, a3, t4, a4) PROTOTYPE(name, t1 a1, t2 a2, t3 a3, t4 a4)
#define SYSCALL5(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
  PROTOTYPE(name, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5)
#define SYSCALL6(number, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
  PROTOTYPE(name, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6)
#include "linux/syscalls.def"
#undef PROTOTYPE

}  // namespace mokapot
