// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtio_net.cc kernel/drivers/virtio_net_header.cc
// sources: kernel/drivers/virtio_net_receive.cc kernel/drivers/virtio_net_transmit.cc
// sources: kernel/drivers/virtio_net_control.cc kernel/irq/irq.cc
// sources: kernel/drivers/virtqueue.cc kernel/drivers/virtio.cc
// sources: kernel/device/random.cc kernel/device/chacha20.cc
// sources: tests/unit/drivers/fake_net_host.cc tests/unit/drivers/fake_blocking.cc

#include <gtest/gtest.h>

#include <random>

#include "drivers/fake_net_host.h"

namespace mokapot {
namespace {

using namespace fake;

class VirtioNetReceive : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Features, VirtioNetReceive,
                         testing::Values(kUsual, kUsual & ~feature_bit(kFeatureEventIndex), kPlain,
                                         std::uint64_t{0}));

TEST_P(VirtioNetReceive, PacketsArriveWholeAndInOrder) {
  NetHost& host = make_net_host(GetParam());
  ASSERT_NE(host.start_and_attach(), nullptr);
  for (int round = 0; round < 100; ++round) {
    for (std::uint8_t i = 0; i < 10; ++i) ASSERT_TRUE(host.deliver(frame_of(60 + 140u * i, i)));
    ASSERT_TRUE(host.interrupt());
    EXPECT_EQ(host.receiver.packets, round + 1);
    const auto packets = host.poll_all();
    ASSERT_EQ(packets.size(), 10u);
    for (std::uint8_t i = 0; i < 10; ++i) {
      EXPECT_EQ(contents(packets[i]), frame_of(60 + 140u * i, i));
      EXPECT_FALSE(packets[i].offload.checksum_valid);
    }
  }
}

TEST_P(VirtioNetReceive, InterruptsAreOffWhileSomebodyPolls) {
  NetHost& host = make_net_host(GetParam());
  ASSERT_NE(host.start_and_attach(), nullptr);
  ASSERT_TRUE(host.deliver(frame_of(100)));
  ASSERT_TRUE(host.interrupt());
  EXPECT_EQ(host.receiver.packets, 1);
  ASSERT_TRUE(host.deliver(frame_of(101)));
  EXPECT_FALSE(host.interrupt());
  ASSERT_EQ(host.poll().size(), 2u);
  ASSERT_TRUE(host.deliver(frame_of(102)));
  EXPECT_FALSE(host.interrupt());
  host.state.target->handle_queues();  // a shared line: some other queue's interrupt
  EXPECT_EQ(host.receiver.packets, 1);
  EXPECT_FALSE(host.device->rearm(0));  // one came meanwhile, and nothing would tell
  ASSERT_EQ(host.poll().size(), 1u);
  EXPECT_TRUE(host.device->rearm(0));
  host.state.target->handle_queues();
  EXPECT_EQ(host.receiver.packets, 1);
  ASSERT_TRUE(host.deliver(frame_of(103)));
  EXPECT_TRUE(host.interrupt());
  EXPECT_EQ(host.receiver.packets, 2);
}

TEST(VirtioNetReceiving, LargePacketsAreChainsOfBuffers) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  VirtioNetHeader header{};
  header.flags = 1;  // the sum is still to be made
  header.segmentation = 0x81;  // TCP over IPv4, with ECN
  header.segment_size = 1448;
  header.checksum_start = 34;
  header.checksum_offset = 16;
  for (const std::size_t size : {4084u, 4085u, 9014u, 65549u}) {
    ASSERT_TRUE(host.deliver(frame_of(size), header));
    const auto packets = host.poll_all();
    ASSERT_EQ(packets.size(), 1u) << size;
    EXPECT_EQ(contents(packets[0]), frame_of(size));
    EXPECT_EQ(packets[0].offload.segmentation, NetOffload::Segmentation::kTcp4);
    EXPECT_EQ(packets[0].offload.segment_size, 1448);
    EXPECT_TRUE(packets[0].offload.needs_checksum);
    EXPECT_TRUE(packets[0].offload.checksum_valid);
    EXPECT_EQ(packets[0].offload.checksum_start, 34);
  }
}

TEST(VirtioNetReceiving, APacketsBuffersMayComeInSeveralLooks) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  const Bytes frame = frame_of(10'000);
  VirtioNetHeader header{};
  header.flags = 2;  // the device has checked it
  header.buffers = 3;
  Bytes all(sizeof(header));
  std::memcpy(all.data(), &header, sizeof(header));
  all.insert(all.end(), frame.begin(), frame.end());
  const auto part = [&](std::size_t begin, std::size_t end) {
    return Bytes(all.begin() + static_cast<std::ptrdiff_t>(begin),
                 all.begin() + static_cast<std::ptrdiff_t>(end));
  };
  ASSERT_EQ(host.fill(part(0, 4096)), 1u);
  EXPECT_TRUE(host.poll().empty());
  EXPECT_TRUE(host.device->rearm(0));
  ASSERT_EQ(host.fill(part(4096, 8192)), 1u);
  EXPECT_TRUE(host.poll().empty());
  ASSERT_EQ(host.fill(part(8192, all.size())), 1u);
  const Packets packets = host.poll();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(contents(packets[0]), frame);
  EXPECT_TRUE(packets[0].offload.checksum_valid);
  EXPECT_FALSE(packets[0].offload.needs_checksum);
}

TEST(VirtioNetReceiving, JumboFramesWithoutMergingTakeLargerBuffers) {
  NetHost& host = make_net_host(kPlain);
  host.set_mtu(9000);
  ASSERT_NE(host.start_and_attach(), nullptr);
  ASSERT_TRUE(host.deliver(frame_of(9018)));
  const auto packets = host.poll_all();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(contents(packets[0]), frame_of(9018));
  EXPECT_EQ(packets[0].next, nullptr);
}

TEST(VirtioNetReceiving, NonsenseIsDroppedAndWhatFollowsIsNot) {
  struct Case {
    const char* what;
    VirtioNetHeader header;  // buffers: as the device claims
    std::vector<std::uint32_t> written;
  };
  const Case cases[] = {
      {"nothing written", {0, 0, 0, 0, 0, 0, 1}, {0}},
      {"less than a header", {0, 0, 0, 0, 0, 0, 1}, {11}},
      {"less than an Ethernet header", {0, 0, 0, 0, 0, 0, 1}, {25}},
      {"more than the buffer", {0, 0, 0, 0, 0, 0, 1}, {4097}},
      {"far more than the buffer", {0, 0, 0, 0, 0, 0, 1}, {0xffff'ffff}},
      {"in no buffer", {0, 0, 0, 0, 0, 0, 0}, {100}},
      {"in more than there are", {0, 0, 0, 0, 0, 0, 0xffff}, {4096}},
      {"a piece of nothing", {0, 0, 0, 0, 0, 0, 3}, {4096, 0, 100}},
      {"a piece too large", {0, 0, 0, 0, 0, 0, 3}, {4096, 5000, 100}},
      {"a sum behind the end", {1, 0, 0, 0, 99, 0, 1}, {100}},
      {"a sum far behind the end", {1, 0, 0, 0, 0xffff, 0xffff, 1}, {100}},
      {"an unknown segmentation", {0, 2, 0, 1448, 0, 0, 1}, {100}},
      {"segments of nothing", {0, 1, 0, 0, 0, 0, 1}, {100}},
      {"larger than any packet",
       {0, 0, 0, 0, 0, 0, 18},
       std::vector<std::uint32_t>(18, 4096)},
  };
  for (const Case& one : cases) {
    NetHost& host = make_net_host(kUsual);
    ASSERT_NE(host.start_and_attach(), nullptr);
    const std::size_t before = device_frames();
    for (int round = 0; round < 300; ++round) {  // more than the ring has buffers
      for (const std::uint32_t written : one.written) {
        host.fetch();
        ASSERT_FALSE(host.posted.empty()) << one.what << ": buffers were lost";
        const fake::Chain chain = host.posted.front();
        host.posted.pop_front();
        std::memcpy(chain.buffers[0].bytes(), &one.header, sizeof(one.header));
        host.state.queues[0].complete(chain.head, written);
      }
      ASSERT_TRUE(host.poll_all().empty()) << one.what;
    }
    ASSERT_TRUE(host.deliver(frame_of(1000)));
    const auto packets = host.poll_all();
    ASSERT_EQ(packets.size(), 1u) << one.what;
    EXPECT_EQ(contents(packets[0]), frame_of(1000)) << one.what;
    EXPECT_LE(device_frames(), before + 20) << one.what;  // spare ones, and no more each time
  }
}

TEST(VirtioNetReceiving, BuffersThatTheStackHoldsAreReplacedUpToALimit) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  const std::size_t before = device_frames();
  const std::uint64_t limit = frame_statistics().total_frames / 16;
  std::vector<NetBuffer*> held;
  while (host.deliver(frame_of(200))) {
    const auto packets = host.poll_all().take();
    ASSERT_EQ(packets.size(), 1u);
    held.push_back(packets[0]);
    ASSERT_LE(held.size(), limit);
  }
  EXPECT_EQ(held.size(), limit);
  // With none left, the first that comes back is for the device at once.
  const std::size_t returned = 3;
  for (std::size_t i = 0; i < returned; ++i) {
    host.device->release(held.back());
    held.pop_back();
  }
  for (std::size_t i = 0; i < returned; ++i) EXPECT_TRUE(host.deliver(frame_of(200)));
  EXPECT_FALSE(host.deliver(frame_of(200)));
  for (NetBuffer* packet : host.poll_all().take()) held.push_back(packet);
  EXPECT_EQ(held.size(), limit);
  // What was made for the rush does not stay.
  for (NetBuffer* packet : held) host.device->release(packet);
  EXPECT_LE(device_frames(), before + before / 2 + 256);
  for (std::uint8_t i = 0; i < 100; ++i) ASSERT_TRUE(host.deliver(frame_of(100, i)));
  EXPECT_EQ(host.poll_all().size(), 100u);
}

TEST(VirtioNetReceiving, ABrokenReceiveRingStopsTheDevice) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  host.state.queues[0].put_used(9999, 100);
  host.state.queues[0].move_used_index(1);
  EXPECT_TRUE(host.poll_all().empty());
  EXPECT_EQ(host.state.status, kStatusFailed);
  EXPECT_FALSE(host.device->link_up());
  const Source source(frame_of(60));
  const auto segments = source.in_pieces(60, 60);
  EXPECT_EQ(host.device->transmit(0, {segments, {}, nullptr, nullptr}).error(), Errno::kEIO);
}

}  // namespace
}  // namespace mokapot
