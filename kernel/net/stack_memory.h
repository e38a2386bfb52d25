// SPDX-License-Identifier: Apache-2.0
//
// How much memory connections may hold, by the memory that the VM has.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vm/pressure.h"

namespace mokapot {

struct TcpWindows {
  std::uint32_t receive = 0, send = 0;  // bytes, of one connection
};

// A power of two each: a 128th of memory as Linux has it, at least 64 KiB and at most what the window scale allows.
TcpWindows tcp_windows_for(std::uint64_t memory_bytes);

// Boot, before the first connection.
void size_stack_for_memory();

// What a connection may hold at any time, however little memory there is.
inline constexpr std::size_t kLeastHeld = 128 * 1024;
// Whether it may hold more: not once the last sixteenth of memory is in use.
inline bool connections_may_hold_more() { return memory_is_left(16); }

}  // namespace mokapot
