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

class VirtioNetTransmit : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Features, VirtioNetTransmit,
                         testing::Values(kUsual, kUsual & ~feature_bit(kFeatureIndirect),
                                         kUsual & ~feature_bit(kFeatureEventIndex)));

void count_done(void* counter) { ++*static_cast<int*>(counter); }

TEST_P(VirtioNetTransmit, ThePiecesGoOutBehindTheirHeader) {
  NetHost& host = make_net_host(GetParam());
  ASSERT_NE(host.start_and_attach(), nullptr);
  const Bytes frame = frame_of(60'000);
  const Source source(frame);
  int done = 0;
  std::size_t number = 0;
  for (const std::size_t pieces : {1u, 2u, 3u, 4u, 15u, 60u}) {
    const auto segments = source.in_pieces(frame.size(), frame.size() / pieces);
    NetOffload offload;
    offload.needs_checksum = true;
    offload.checksum_start = 34;
    offload.checksum_offset = 16;
    offload.segmentation = NetOffload::Segmentation::kTcp4;
    offload.segment_size = 1448;
    offload.header_length = 54;
    ASSERT_TRUE(host.device->transmit(0, {segments, offload, &count_done, &done}).ok()) << pieces;
    host.send_all();
    EXPECT_EQ(host.sent.size(), number) << "sent before the device was told";
    if (host.device->publish(0)) host.device->notify(0);
    host.send_all();
    ASSERT_EQ(host.sent.size(), ++number);
    VirtioNetHeader header;
    std::memcpy(&header, host.sent.back().data(), sizeof(header));
    EXPECT_EQ(header.flags, 1);
    EXPECT_EQ(header.segmentation, 1);
    EXPECT_EQ(header.segment_size, 1448);
    EXPECT_EQ(header.header_length, 54);
    EXPECT_EQ(header.checksum_start, 34);
    EXPECT_EQ(header.checksum_offset, 16);
    EXPECT_EQ(Bytes(host.sent.back().begin() + sizeof(header), host.sent.back().end()), frame);
  }
  EXPECT_EQ(done, 0);
  host.complete_sent();
  EXPECT_FALSE(host.state.interrupt(1)) << "nobody waits for room";
  host.device->reclaim(0);
  EXPECT_EQ(done, static_cast<int>(number));
}

TEST_P(VirtioNetTransmit, AFullQueueSaysSoAndTellsWhenThereIsRoom) {
  NetHost& host = make_net_host(GetParam());
  ASSERT_NE(host.start_and_attach(), nullptr);
  const Source source(frame_of(1000));
  const auto segments = source.in_pieces(1000, 500);
  int done = 0, queued = 0;
  for (int round = 0; round < 20; ++round) {
    Result<void> outcome;
    while (true) {
      outcome = host.device->transmit(0, {segments, {}, &count_done, &done});
      if (!outcome.ok()) break;
      ++queued;
    }
    ASSERT_EQ(outcome.error(), Errno::kENOBUFS);
    // What was queued is on its way without a kick, or there would never be room.
    host.send_all();
    EXPECT_EQ(host.sent.size(), static_cast<std::size_t>(queued));
    EXPECT_EQ(host.receiver.packets, round);
    host.complete_sent();
    EXPECT_TRUE(host.state.interrupt(1));
    EXPECT_EQ(host.receiver.packets, round + 1);
    host.state.target->handle_queues();  // told once
    EXPECT_EQ(host.receiver.packets, round + 1);
  }
  host.device->reclaim(0);
  EXPECT_EQ(done, queued);
  EXPECT_GE(queued, 20 * 64);
}

TEST(VirtioNetSending, LargePacketsBeyondTheTablesTakePlainDescriptors) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  const Bytes frame = frame_of(16'000);
  const Source source(frame);
  const auto segments = source.in_pieces(frame.size(), 1000);
  int done = 0, queued = 0;
  while (host.device->transmit(0, {segments, {}, &count_done, &done}).ok()) ++queued;
  EXPECT_GT(queued, 32);
  host.send_all();
  ASSERT_EQ(host.sent.size(), static_cast<std::size_t>(queued));
  for (const Bytes& bytes : host.sent)
    EXPECT_EQ(Bytes(bytes.begin() + sizeof(VirtioNetHeader), bytes.end()), frame);
  std::shuffle(host.sending.begin(), host.sending.end(), std::mt19937(7));
  host.complete_sent();
  host.device->reclaim(0);
  EXPECT_EQ(done, queued);
}

TEST(VirtioNetSending, ThePacketThatTheDeviceWouldNotUnderstandIsRefused) {
  NetHost& host = make_net_host(kPlain);
  ASSERT_NE(host.start_and_attach(), nullptr);
  const Source source(frame_of(60));
  const auto one = source.in_pieces(60, 60);
  const auto refused = [&](std::span<const PhysSegment> segments, const NetOffload& offload) {
    const Result<void> outcome = host.device->transmit(0, {segments, offload, nullptr, nullptr});
    return !outcome.ok() && outcome.error() == Errno::kEINVAL;
  };
  NetOffload checksum;
  checksum.needs_checksum = true;
  EXPECT_TRUE(refused(one, checksum));
  NetOffload segmentation = checksum;
  segmentation.segmentation = NetOffload::Segmentation::kTcp4;
  EXPECT_TRUE(refused(one, segmentation));
  EXPECT_TRUE(refused({}, {}));
  const std::vector<PhysSegment> many(host.device->capabilities().max_segments + 1, one[0]);
  EXPECT_TRUE(refused(many, {}));
  EXPECT_FALSE(refused(one, {}));
}

TEST(VirtioNetSending, ABrokenTransmitRingEndsWhatWasInFlight) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  const Source source(frame_of(60));
  const auto segments = source.in_pieces(60, 60);
  int done = 0;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(host.device->transmit(0, {segments, {}, &count_done, &done}).ok());
  if (host.device->publish(0)) host.device->notify(0);
  host.send_all();
  host.state.queues[1].put_used(77'777, 0);
  host.state.queues[1].move_used_index(1);
  host.device->reclaim(0);
  EXPECT_EQ(host.state.status, kStatusFailed);
  host.device->reclaim(0);
  EXPECT_EQ(done, 5);
  EXPECT_EQ(host.device->transmit(0, {segments, {}, &count_done, &done}).error(), Errno::kEIO);
  EXPECT_EQ(done, 5);
}

TEST(VirtioNetSending, TablesThatTheDeviceIsDoneWithAreUsedAgain) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  const Source source(frame_of(16'000));
  const auto segments = source.in_pieces(16'000, 1000);
  int done = 0;
  for (int i = 0; i < 32; ++i)
    ASSERT_TRUE(host.device->transmit(0, {segments, {}, &count_done, &done}).ok());
  if (host.device->publish(0)) host.device->notify(0);
  host.send_all();
  host.complete_sent();
  EXPECT_EQ(done, 0);
  // The 33rd would take sixteen plain descriptors.
  ASSERT_TRUE(host.device->transmit(0, {segments, {}, &count_done, &done}).ok());
  EXPECT_EQ(done, 32);
}

}  // namespace
}  // namespace mokapot
