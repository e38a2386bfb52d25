// SPDX-License-Identifier: Apache-2.0
//
// The instructions that a direct call needs beside copies of the application's own. A trampoline ends where the
// copies end, with a few that enter the kernel as SYSCALL would: RCX holds the address to go on at, and two bytes
// before that lies a SYSCALL which was not executed. An interrupt between the two worlds is settled by going back to
// that instruction (traps.cc), so signals and debuggers never see the kernel on the application's stack.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace mokapot::arch {

inline constexpr std::size_t kDirectCallEndSize = 15;
inline constexpr std::size_t kDirectCallAlignment = 16;  // of trampolines
inline constexpr std::size_t kSyscallSize = 2;

// The distance from the end of a relative operand to its target, if 32 bits hold it.
inline bool relative_distance(VirtAddr from, VirtAddr to, std::int32_t& distance) {
  const auto difference = static_cast<std::int64_t>(to.value() - from.value());
  distance = static_cast<std::int32_t>(difference);
  return distance == difference;
}
// Whether the call keeps CF, PF, AF, ZF, SF and OF, or the program replaces them right after it.
enum class StatusFlags : std::uint8_t { kKept, kUnused };

// Write to `at` what is to run at `runs_at`. False: too far away.
bool write_direct_call_end(std::uint8_t* at, VirtAddr runs_at, VirtAddr return_address, StatusFlags flags);
bool write_jump(std::uint8_t* at, VirtAddr runs_at, VirtAddr target);
inline constexpr std::size_t kJumpSize = 5;

}  // namespace mokapot::arch
