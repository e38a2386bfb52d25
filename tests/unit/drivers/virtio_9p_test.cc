// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtio_9p.cc kernel/drivers/virtqueue.cc kernel/drivers/virtio.cc
// sources: kernel/device/message_channel.cc

#include "drivers/virtio_9p.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "device/message_channel.h"
#include "drivers/dma_memory.h"
#include "drivers/fake_virtio.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kUsual = feature_bit(0) | feature_bit(kFeatureEventIndex);

fake::DeviceState& make_device(std::uint64_t features, const std::string& tag) {
  static auto& devices = *new std::vector<std::unique_ptr<fake::DeviceState>>;
  fake::DeviceState& state = *devices.emplace_back(std::make_unique<fake::DeviceState>());
  state.type = 9;
  state.features |= features;
  state.configuration[0] = static_cast<std::uint8_t>(tag.size());
  std::copy(tag.begin(), tag.end(), state.configuration.begin() + 2);
  start_virtio_9p(std::make_unique<fake::FakeTransport>(state));
  return state;
}

struct Message {
  DmaMemory memory = DmaMemory::allocate(kPageSize).take();
  MessageRequest request;
  int ended = 0;
  Result<std::size_t> outcome = std::size_t{0};

  explicit Message(std::uint32_t size = 100) {
    request.message = {memory.address(), size};
    request.answer = {memory.address(2048), 1024};
    request.context = this;
    request.done = [](MessageRequest& finished, Result<std::size_t> answer) {
      auto& self = *static_cast<Message*>(finished.context);
      ++self.ended;
      self.outcome = std::move(answer);
    };
  }
};

TEST(Virtio9p, IsFoundByItsTag) {
  make_device(kUsual, "folder");
  MessageChannel* channel = find_message_channel("folder");
  ASSERT_NE(channel, nullptr);
  EXPECT_STREQ(channel->tag(), "folder");
  EXPECT_EQ(find_message_channel("folde"), nullptr);
  EXPECT_EQ(find_message_channel("folders"), nullptr);
  make_device(kUsual, "");
  EXPECT_EQ(find_message_channel(""), nullptr);
  make_device(kUsual & ~feature_bit(0), "untagged");
  EXPECT_EQ(find_message_channel("untagged"), nullptr);
  make_device(kUsual, std::string(40, 'x'));
  EXPECT_EQ(find_message_channel(std::string(40, 'x')), nullptr);
}

TEST(Virtio9p, AnswersComeInAnyOrder) {
  fake::DeviceState& device = make_device(kUsual, "order");
  MessageChannel* channel = find_message_channel("order");
  ASSERT_NE(channel, nullptr);
  Message first(50), second(60);
  ASSERT_TRUE(channel->submit(first.request).ok());
  ASSERT_TRUE(channel->submit(second.request).ok());
  const auto a = device.queues[0].pop(), b = device.queues[0].pop();
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a->buffers.size(), 2u);
  EXPECT_EQ(a->buffers[0].size, 50u);
  EXPECT_FALSE(a->buffers[0].writable);
  EXPECT_EQ(a->buffers[1].address, first.request.answer.address.value());
  EXPECT_TRUE(a->buffers[1].writable);
  device.queues[0].complete(b->head, 7);
  device.interrupt(0);
  EXPECT_EQ(first.ended, 0);
  ASSERT_EQ(second.ended, 1);
  EXPECT_EQ(second.outcome.value(), 7u);
  device.queues[0].complete(a->head, 5000);  // more than there is room for
  device.interrupt(0);
  ASSERT_EQ(first.ended, 1);
  EXPECT_EQ(first.outcome.value(), 1024u);
}

TEST(Virtio9p, AFullChannelSaysSo) {
  fake::DeviceState& device = make_device(kUsual, "full");
  MessageChannel* channel = find_message_channel("full");
  ASSERT_NE(channel, nullptr);
  std::vector<std::unique_ptr<Message>> messages;
  for (std::size_t i = 0; i < channel->most_in_flight(); ++i) {
    messages.push_back(std::make_unique<Message>());
    ASSERT_TRUE(channel->submit(messages.back()->request).ok());
  }
  Message more;
  EXPECT_EQ(channel->submit(more.request).error(), Errno::kENOBUFS);
  device.queues[0].complete(device.queues[0].pop()->head, 1);
  device.interrupt(0);
  EXPECT_TRUE(channel->submit(more.request).ok());
}

TEST(Virtio9p, ADeviceThatBreaksTheProtocolIsStopped) {
  fake::DeviceState& device = make_device(kUsual, "broken");
  MessageChannel* channel = find_message_channel("broken");
  ASSERT_NE(channel, nullptr);
  Message message;
  ASSERT_TRUE(channel->submit(message.request).ok());
  device.queues[0].put_used(4711, 1);
  device.queues[0].move_used_index(1);
  device.interrupt(0);
  EXPECT_EQ(device.status, kStatusFailed);
  ASSERT_EQ(message.ended, 1);
  EXPECT_EQ(message.outcome.error(), Errno::kEIO);
  EXPECT_EQ(channel->submit(message.request).error(), Errno::kEIO);
}

}  // namespace
}  // namespace mokapot
