// SPDX-License-Identifier: Apache-2.0
#include "net/stack_memory.h"

#include <bit>

#include "base/types.h"
#include "memory/frames.h"

#include "lwip/opt.h"

namespace mokapot {
namespace {

// Programs count on it: they send all they have before they read.
constexpr std::uint64_t kShare = 128;
constexpr std::uint64_t kLeastWindow = 64 * 1024;

}  // namespace

TcpWindows tcp_windows_for(std::uint64_t memory_bytes) {
  const std::uint64_t share = std::bit_floor(memory_bytes / kShare | 1);
  const std::uint64_t window = share < kLeastWindow ? kLeastWindow : share > MOKAPOT_TCP_MAX_WINDOW ? MOKAPOT_TCP_MAX_WINDOW : share;
  return {static_cast<std::uint32_t>(window), static_cast<std::uint32_t>(window)};
}

void size_stack_for_memory() {
  const TcpWindows windows = tcp_windows_for(frame_statistics().total_frames * kPageSize);
  mokapot_tcp_receive_window = windows.receive;
  mokapot_tcp_send_buffer = windows.send;
}

}  // namespace mokapot
