// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtio_net.cc kernel/drivers/virtio_net_header.cc
// sources: kernel/drivers/virtio_net_receive.cc kernel/drivers/virtio_net_transmit.cc
// sources: kernel/drivers/virtio_net_control.cc kernel/irq/irq.cc
// sources: kernel/drivers/virtqueue.cc kernel/drivers/virtio.cc
// sources: kernel/device/random.cc kernel/device/chacha20.cc
// sources: tests/unit/drivers/fake_net_host.cc tests/unit/drivers/fake_blocking.cc

#include <gtest/gtest.h>

#include <random>

#include "drivers/fake_blocking.h"
#include "drivers/fake_net_host.h"
#include "irq/irq.h"

namespace mokapot {
namespace {

using namespace fake;

TEST(VirtioNet, SaysWhatTheDeviceIs) {
  NetHost& host = make_net_host(kUsual);
  host.set_mtu(9000);
  NetDevice* device = host.start();
  ASSERT_NE(device, nullptr);
  const MacAddress address = device->address();
  EXPECT_EQ(address.bytes[0], 0x52);
  EXPECT_EQ(address.bytes[5], 0x56);
  EXPECT_EQ(device->mtu(), 9000u);
  EXPECT_TRUE(device->link_up());
  EXPECT_EQ(device->queue_count(), 1u);
  EXPECT_TRUE(device->capabilities().checksum);
  EXPECT_TRUE(device->capabilities().tcp4_segmentation);
  EXPECT_TRUE(device->capabilities().tcp6_segmentation);
  EXPECT_GE(device->capabilities().max_segments, 18u);  // 64 KiB of pages, and a header
}

TEST(VirtioNet, APoorDeviceWillDo) {
  NetHost& host = make_net_host(0);
  NetDevice* device = host.start();
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->address().bytes[0] & 3, 2);  // made up: local, not multicast
  EXPECT_EQ(device->mtu(), 1500u);
  EXPECT_TRUE(device->link_up());
  EXPECT_FALSE(device->capabilities().checksum);
  EXPECT_FALSE(device->capabilities().tcp4_segmentation);
}

TEST(VirtioNet, FeaturesAreAskedForWithWhatTheyRestOn) {
  const auto agreed = [](std::uint64_t offered) {
    NetHost& host = make_net_host(offered);
    EXPECT_NE(host.start(), nullptr);
    return host.state.driver_features & ~feature_bit(kFeatureVersion1);
  };
  EXPECT_EQ(agreed(kUsual), kUsual);
  // No large receive into small buffers.
  EXPECT_EQ(agreed(kUsual & ~feature_bit(kMergeable)) &
                (feature_bit(kGuestTso4) | feature_bit(kGuestTso6) | feature_bit(kGuestEcn)),
            0u);
  EXPECT_EQ(agreed(kOffloads & ~feature_bit(kChecksum)) &
                (feature_bit(kHostTso4) | feature_bit(kHostTso6)),
            0u);
  EXPECT_EQ(agreed(kOffloads & ~feature_bit(kGuestChecksum)) & feature_bit(kGuestTso4), 0u);
}

TEST(VirtioNet, DevicesThatCannotBeUsedAreNot) {
  NetHost& legacy = make_net_host(0);
  legacy.state.features = 0;
  EXPECT_EQ(legacy.start(), nullptr);
  EXPECT_NE(legacy.state.status & kStatusFailed, 0);
  NetHost& empty = make_net_host(kUsual);
  empty.state.queue_limit = 0;
  EXPECT_EQ(empty.start(), nullptr);
}

TEST(VirtioNet, BuffersExistOnceSomebodyIsAttached) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start(), nullptr);
  host.fetch();
  EXPECT_TRUE(host.posted.empty());
  const std::size_t before = device_frames();
  host.device->attach(host.receiver);
  host.fetch();
  EXPECT_GE(host.posted.size(), 64u);
  EXPECT_EQ(device_frames() - before, host.posted.size());
}

TEST(VirtioNet, TheLinkGoesDownAndUp) {
  NetHost& host = make_net_host(kUsual);
  ASSERT_NE(host.start_and_attach(), nullptr);
  host.set_link(false);
  host.state.target->handle_configuration_change();
  EXPECT_FALSE(host.device->link_up());
  EXPECT_EQ(host.receiver.link_changes, 1);
  host.state.target->handle_configuration_change();  // something else changed
  EXPECT_EQ(host.receiver.link_changes, 1);
  host.set_link(true);
  host.state.target->handle_configuration_change();
  EXPECT_TRUE(host.device->link_up());
  EXPECT_EQ(host.receiver.link_changes, 2);
}

// --- Several queues ----------------------------------------------------------------------------

constexpr std::uint64_t kSeveral = kUsual | feature_bit(kControl) | feature_bit(kMultiqueue);
constexpr std::uint16_t kPairsOffered = 4;
constexpr std::uint16_t kControlQueue = 2 * kPairsOffered;

// Answers commands, when the driver waits for that.
NetHost& make_host_with_pairs(std::uint8_t answer) {
  NetHost& host = make_net_host(kSeveral);
  std::memcpy(&host.state.configuration[8], &kPairsOffered, sizeof(kPairsOffered));
  fake::while_blocked = [&host, answer] {
    DeviceQueue& queue = host.state.queues[kControlQueue];
    const auto chain = queue.pop();
    ASSERT_TRUE(chain) << "the driver waits for nothing";
    ASSERT_EQ(chain->buffers.size(), 3u);
    const std::uint8_t command[] = {4, 0};
    ASSERT_EQ(chain->buffers[0].size, sizeof(command));
    EXPECT_EQ(std::memcmp(chain->buffers[0].bytes(), command, sizeof(command)), 0);
    ASSERT_EQ(chain->buffers[1].size, 2u);
    EXPECT_EQ(chain->buffers[1].bytes()[0], 2);  // as many as there are CPUs
    EXPECT_EQ(chain->buffers[1].bytes()[1], 0);
    ASSERT_TRUE(chain->buffers[2].writable);
    ASSERT_EQ(chain->buffers[2].size, 1u);
    *chain->buffers[2].bytes() = answer;
    queue.complete(chain->head, 1);
    EXPECT_TRUE(host.state.interrupt(kControlQueue));
  };
  return host;
}

class VirtioNetPairs : public testing::Test {
 protected:
  void SetUp() override { set_cpu_online(CpuId(1)); }
  void TearDown() override { fake::while_blocked = nullptr; }
};

TEST_F(VirtioNetPairs, EachCpuHasAPairOfQueues) {
  NetHost& host = make_host_with_pairs(0);
  ASSERT_NE(host.start_and_attach(), nullptr);
  ASSERT_EQ(host.device->queue_count(), 2u);
  EXPECT_FALSE(host.state.queues.contains(4));
  // The other pair's receive queue.
  const auto chain = host.state.queues[2].pop();
  ASSERT_TRUE(chain);
  std::memset(chain->buffers[0].bytes(), 0, 100);
  chain->buffers[0].bytes()[10] = 1;  // in one buffer
  host.state.queues[2].complete(chain->head, 100);
  EXPECT_TRUE(host.state.interrupt(2));
  EXPECT_EQ(host.receiver.packets, 1);
  EXPECT_EQ(host.receiver.last_queue, 1u);
  NetBuffer* packet = nullptr;
  EXPECT_EQ(host.device->poll(0, std::span(&packet, 1)), 0u);
  ASSERT_EQ(host.device->poll(1, std::span(&packet, 1)), 1u);
  EXPECT_EQ(packet->size, 88u);
  host.device->release(packet);
  EXPECT_TRUE(host.device->rearm(1));
}

TEST_F(VirtioNetPairs, ADeviceThatRefusesThemHasOne) {
  NetHost& host = make_host_with_pairs(1);
  ASSERT_NE(host.start_and_attach(), nullptr);
  EXPECT_EQ(host.device->queue_count(), 1u);
  ASSERT_TRUE(host.deliver(frame_of(200)));
  EXPECT_TRUE(host.interrupt());
  EXPECT_EQ(host.poll_all().size(), 1u);
}

}  // namespace
}  // namespace mokapot
