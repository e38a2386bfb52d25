// SPDX-License-Identifier: Apache-2.0
// sources: kernel/net/stack_memory.cc
#include "net/stack_memory.h"

#include <gtest/gtest.h>

#include <bit>

// The platform's, in the kernel.
extern "C" {
std::uint32_t mokapot_tcp_receive_window = 0, mokapot_tcp_send_buffer = 0;
}

namespace mokapot {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST(StackMemory, WindowsGrowWithMemoryBetweenBounds) {
  EXPECT_EQ(tcp_windows_for(0).receive, 64 * 1024u);
  EXPECT_EQ(tcp_windows_for(8 * kMiB).receive, 64 * 1024u);
  EXPECT_EQ(tcp_windows_for(128 * kMiB).receive, 1024 * 1024u);
  EXPECT_EQ(tcp_windows_for(512 * kMiB).send, 4 * 1024 * 1024u);
  EXPECT_EQ(tcp_windows_for(64 * 1024 * kMiB).receive, 4 * 1024 * 1024u);
}

TEST(StackMemory, WindowsArePowersOfTwoAndNeverShrinkWithMoreMemory) {
  std::uint32_t last = 0;
  for (std::uint64_t memory = 16 * kMiB; memory < 8192 * kMiB; memory += 37 * kMiB) {
    const TcpWindows windows = tcp_windows_for(memory);
    EXPECT_TRUE(std::has_single_bit(windows.receive));
    EXPECT_GE(windows.receive, last);
    last = windows.receive;
  }
}

}  // namespace
}  // namespace mokapot
