// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtqueue.cc

#include "drivers/virtqueue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "drivers/dma_memory.h"
#include "drivers/fake_virtio.h"

namespace mokapot {
namespace {

using Direction = DmaBuffer::Direction;
using EventIndex = Virtqueue::EventIndex;

class VirtqueueTest : public testing::TestWithParam<EventIndex> {
 protected:
  void make(std::uint16_t size) {
    memory_ = DmaMemory::allocate(Virtqueue::memory_size(size)).take();
    queue_ =
        Virtqueue::create(size, memory_.at<std::uint8_t>(), memory_.address(), GetParam()).take();
    device_ = fake::DeviceQueue(queue_, GetParam() == EventIndex::kYes);
  }
  Result<void> add(std::uint32_t token, std::size_t readable = 1, std::size_t writable = 0) {
    std::vector<DmaBuffer> buffers;
    for (std::size_t i = 0; i < readable + writable; ++i) {
      buffers.push_back({PhysAddr(0x20'0000 + token * 0x1000 + i),
                         static_cast<std::uint32_t>(100 + i),
                         i < readable ? Direction::kDeviceReads : Direction::kDeviceWrites});
    }
    return queue_.add(buffers, token);
  }

  DmaMemory memory_;
  Virtqueue queue_;
  fake::DeviceQueue device_;
};

INSTANTIATE_TEST_SUITE_P(Both, VirtqueueTest, testing::Values(EventIndex::kNo, EventIndex::kYes));

TEST_P(VirtqueueTest, TheDeviceSeesTheBuffersInOrder) {
  make(8);
  ASSERT_TRUE(add(7, 2, 3).ok());
  EXPECT_FALSE(device_.pop());  // not shown yet
  queue_.publish();
  const auto chain = device_.pop();
  ASSERT_TRUE(chain);
  ASSERT_EQ(chain->buffers.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(chain->buffers[i].address, 0x20'7000 + i);
    EXPECT_EQ(chain->buffers[i].size, 100 + i);
    EXPECT_EQ(chain->buffers[i].writable, i >= 2);
  }
  EXPECT_FALSE(device_.pop());
  device_.complete(chain->head, 42);
  const auto completion = queue_.take();
  ASSERT_TRUE(completion);
  EXPECT_EQ(completion->token, 7u);
  EXPECT_EQ(completion->written, 42u);
  EXPECT_FALSE(queue_.take());
}

TEST_P(VirtqueueTest, CompletionsMayComeInAnyOrder) {
  make(8);
  for (std::uint32_t token = 0; token < 3; ++token) ASSERT_TRUE(add(token, 2).ok());
  queue_.publish();
  const auto a = device_.pop(), b = device_.pop(), c = device_.pop();
  device_.complete(c->head, 0);
  device_.complete(a->head, 0);
  EXPECT_EQ(queue_.take()->token, 2u);
  EXPECT_EQ(queue_.take()->token, 0u);
  EXPECT_EQ(queue_.free_descriptors(), 6);
  device_.complete(b->head, 0);
  EXPECT_EQ(queue_.take()->token, 1u);
  EXPECT_EQ(queue_.free_descriptors(), 8);
}

TEST_P(VirtqueueTest, AFullQueueSaysSoAndKeepsWhatItHas) {
  make(4);
  ASSERT_TRUE(add(1, 3).ok());
  EXPECT_EQ(add(2, 2).error(), Errno::kENOSPC);
  ASSERT_TRUE(add(3, 1).ok());
  EXPECT_EQ(add(4, 1).error(), Errno::kENOSPC);
  queue_.publish();
  EXPECT_EQ(device_.pop()->buffers.size(), 3u);
  EXPECT_EQ(device_.pop()->buffers.size(), 1u);
}

TEST_P(VirtqueueTest, IndirectChainsTakeOneDescriptor) {
  make(2);
  const DmaMemory table = DmaMemory::allocate(kPageSize).take();
  std::vector<DmaBuffer> buffers;
  for (std::uint32_t i = 0; i < 50; ++i) {
    buffers.push_back({PhysAddr(0x30'0000 + i * 0x1000), 4096,
                       i == 0 ? Direction::kDeviceReads : Direction::kDeviceWrites});
  }
  std::span<VirtqDescriptor> entries(table.at<VirtqDescriptor>(), 64);
  ASSERT_TRUE(queue_.add_indirect(entries, table.address(), buffers, 9).ok());
  EXPECT_EQ(queue_.free_descriptors(), 1);
  queue_.publish();
  const auto chain = device_.pop();
  ASSERT_EQ(chain->buffers.size(), 50u);
  EXPECT_EQ(chain->buffers[49].address, 0x30'0000u + 49 * 0x1000);
  device_.complete(chain->head, 1);
  EXPECT_EQ(queue_.take()->token, 9u);
  EXPECT_EQ(queue_.free_descriptors(), 2);
}

TEST_P(VirtqueueTest, NotifiesWhenTheDeviceAskedForIt) {
  make(8);
  device_.want_notification(true);
  ASSERT_TRUE(add(1).ok());
  EXPECT_TRUE(queue_.publish());
  EXPECT_FALSE(queue_.publish());  // nothing new
  device_.pop();
  device_.want_notification(false);
  ASSERT_TRUE(add(2).ok());
  EXPECT_FALSE(queue_.publish());
  device_.pop();
  device_.want_notification(true);
  ASSERT_TRUE(add(3).ok());
  ASSERT_TRUE(add(4).ok());
  EXPECT_TRUE(queue_.publish());  // the mark lies between the two
}

TEST_P(VirtqueueTest, InterruptsComeWhenAskedForAndNotElse) {
  make(8);
  for (std::uint32_t token = 0; token < 4; ++token) ASSERT_TRUE(add(token).ok());
  queue_.publish();
  EXPECT_TRUE(queue_.enable_interrupt());
  device_.complete(device_.pop()->head, 0);
  EXPECT_TRUE(device_.wants_interrupt());
  EXPECT_TRUE(queue_.take());
  queue_.disable_interrupt();
  device_.complete(device_.pop()->head, 0);
  EXPECT_FALSE(device_.wants_interrupt());
  // One is there already: the caller must look again and not wait.
  EXPECT_FALSE(queue_.enable_interrupt());
  EXPECT_TRUE(queue_.take());
  EXPECT_TRUE(queue_.enable_interrupt());
}

TEST_P(VirtqueueTest, IndicesWrapAround) {
  make(4);
  device_.want_notification(true);
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    ASSERT_TRUE(add(i & 0xff, 1 + i % 4).ok());
    ASSERT_TRUE(queue_.publish());
    const auto chain = device_.pop();
    ASSERT_TRUE(chain);
    device_.want_notification(true);
    device_.complete(chain->head, i);
    ASSERT_TRUE(device_.wants_interrupt());
    const auto completion = queue_.take();
    ASSERT_TRUE(completion);
    ASSERT_EQ(completion->token, i & 0xff);
    ASSERT_EQ(completion->written, i);
    ASSERT_TRUE(queue_.enable_interrupt());
  }
}

TEST_P(VirtqueueTest, NonsenseFromTheDeviceBreaksTheQueueAndNothingElse) {
  const auto expect_broken = [&] {
    EXPECT_FALSE(queue_.take());
    EXPECT_TRUE(queue_.broken());
    EXPECT_FALSE(queue_.has_completions());
    EXPECT_TRUE(queue_.enable_interrupt());  // or a loop that drains would not end
    EXPECT_EQ(add(1).error(), Errno::kEIO);
  };
  make(4);
  device_.put_used(4, 0);  // no such descriptor
  device_.move_used_index(1);
  expect_broken();
  make(4);
  device_.put_used(0xffff'ffff, 0);
  device_.move_used_index(1);
  expect_broken();
  make(4);
  device_.put_used(1, 0);  // free
  device_.move_used_index(1);
  expect_broken();
  make(4);
  ASSERT_TRUE(add(1, 2).ok());
  queue_.publish();
  device_.move_used_index(5);  // more than the queue holds
  expect_broken();
  make(4);
  ASSERT_TRUE(add(1, 2).ok());
  queue_.publish();
  const auto chain = device_.pop();
  device_.complete(chain->head, 0);
  EXPECT_TRUE(queue_.take());
  device_.complete(chain->head, 0);  // twice
  expect_broken();
}

// Chains of random lengths, completed in random order, against a plain list.
TEST_P(VirtqueueTest, AgreesWithAModel) {
  make(32);
  std::mt19937 random(12345);
  std::map<std::uint32_t, std::size_t> in_flight;  // token, length
  std::vector<std::pair<std::uint16_t, std::uint32_t>> with_device;
  std::uint32_t next_token = 0;
  std::size_t used_descriptors = 0;
  for (int step = 0; step < 50'000; ++step) {
    if (random() % 2 == 0) {
      const std::size_t length = 1 + random() % 6;
      const bool fits = used_descriptors + length <= 32;
      const std::uint32_t token = next_token % 1000;
      ASSERT_EQ(add(token, length).ok(), fits && !in_flight.contains(token)) << step;
      if (!fits) continue;
      in_flight[token] = length;
      used_descriptors += length;
      ++next_token;
      queue_.publish();
      const auto chain = device_.pop();
      ASSERT_TRUE(chain);
      ASSERT_EQ(chain->buffers.size(), length);
      with_device.push_back({chain->head, token});
    } else if (!with_device.empty()) {
      const std::size_t which = random() % with_device.size();
      const auto [head, token] = with_device[which];
      with_device.erase(with_device.begin() + static_cast<std::ptrdiff_t>(which));
      device_.complete(head, 0);
      const auto completion = queue_.take();
      ASSERT_TRUE(completion);
      ASSERT_EQ(completion->token, token);
      used_descriptors -= in_flight[token];
      in_flight.erase(token);
    }
    ASSERT_EQ(queue_.free_descriptors(), 32 - used_descriptors);
  }
}

}  // namespace
}  // namespace mokapot
