// SPDX-License-Identifier: Apache-2.0
//
// How much memory connections may hold, by the memory that the VM has.
#pragma once

#include <cstdint>

namespace mokapot {

struct TcpWindows {
  std::uint32_t receive = 0, send = 0;  // bytes, of one connection
};

// A power of two each: a 512th of memory, at least 64 KiB and at most what the window scale allows.
TcpWindows tcp_windows_for(std::uint64_t memory_bytes);

// Boot, before the first connection.
void size_stack_for_memory();

}  // namespace mokapot
