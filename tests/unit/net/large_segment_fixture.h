// SPDX-License-Identifier: Apache-2.0
//
// A connection over devices that cut TCP segments up, for tests of such segments.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "net/ethernet_interface.h"
#include "net/simulated_network.h"
#include "net/tcp_scoreboard.h"

namespace mokapot::simulated {

inline constexpr std::uint32_t kMebibyte = 1 << 20;
inline constexpr std::uint32_t kPacket = 1460 - 12;  // with timestamps
inline constexpr std::uint32_t kHeaders = 14 + 20 + 32;

// A fast link and a connection whose window has been opened wide.
class LargeSegmentTest : public testing::Test {
 protected:
  LargeSegmentTest() : network(Network::instance()) {
    network.let_devices_cut(true);
    network.reset({.delay = Duration::milliseconds(1), .bytes_per_second = 1'000'000'000, .queue_bytes = 64 << 20}, 1);
  }
  ~LargeSegmentTest() override {
    forget_tests();
    set_mtu(1500);
  }
  void warm() {
    forget_tests();
    connection.reset();
    connection = std::make_unique<Connection>(network);
    EXPECT_TRUE(connection->open());
    EXPECT_TRUE(connection->transfer(kMebibyte, Duration::seconds(60)));
    network.run(Duration::milliseconds(100));  // acknowledged, and not idle for so long that the window is old
  }
  void forget_tests() {
    network.look = nullptr;
    network.drop = nullptr;
  }
  void lose_everything() {
    network.drop = [](std::size_t, const Frame&) { return true; };
  }
  // So that some of what is written waits.
  void narrow(std::uint32_t packets) {
    const NetCoreGuard core;
    client().cwnd = client().ssthresh = packets * kPacket;
  }
  // One packet is on its way, and behind it a segment of so many full ones and the FIN.
  void send_with_fin(std::uint32_t packets) {
    narrow(1);
    connection->write(kPacket);
    connection->write(packets * kPacket);
    const NetCoreGuard core;
    EXPECT_EQ(tcp_shutdown(&client(), 0, 1), ERR_OK);
    client().cwnd = 100 * kPacket;
    tcp_output(&client());
    EXPECT_EQ(client().unacked_last->len, packets * kPacket);
    EXPECT_EQ(segment_size(*client().unacked_last), packets * kPacket + 1);
  }
  tcp_pcb& client() { return *connection->client; }
  std::size_t segments() {
    std::size_t count = 0;
    for (const tcp_seg* list : {client().unacked, client().unsent})
      for (; list != nullptr; list = list->next) ++count;
    return count;
  }
  bool arrives(std::size_t bytes, Duration limit = Duration::seconds(120)) {
    return network.run(limit, [&] { return connection->received == bytes || connection->reset; }) &&
           !connection->damaged && !connection->reset;
  }
  static void set_mtu(unsigned bytes) {
    const NetCoreGuard core;
    EXPECT_TRUE(ethernet_interface(Network::kFirst)->set_mtu(bytes).ok());
  }
  // What is called for each frame with data of the first device.
  void each_sent(std::function<void(const Segment&, Frame&)> look) {
    network.look = [look = std::move(look)](std::size_t from, Frame& frame) {
      const Segment segment = segment_of(frame);
      if (from == Network::kFirst && segment.payload > 0) look(segment, frame);
    };
  }

  Network& network;
  std::unique_ptr<Connection> connection;
};

}  // namespace mokapot::simulated
