// SPDX-License-Identifier: Apache-2.0
//
// The device's side of virtio for tests: rings as a device reads them, and a transport whose device
// is the test itself. Written from the specification alone, so that a misreading in the driver
// shows.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "drivers/virtio.h"
#include "memory/frames.h"

namespace mokapot::fake {

template <typename T>
T& memory_at(std::uint64_t address) {
  return *static_cast<T*>(direct_map(PhysAddr(address)));
}

struct Buffer {
  std::uint64_t address;
  std::uint32_t size;
  bool writable;
  std::uint8_t* bytes() const { return &memory_at<std::uint8_t>(address); }
};

struct Chain {
  std::uint16_t head;
  std::vector<Buffer> buffers;
};

class DeviceQueue {
 public:
  DeviceQueue() = default;
  DeviceQueue(const Virtqueue& queue, bool event_index)
      : size_(queue.size()),
        descriptors_(queue.rings().descriptors.value()),
        available_(queue.rings().available.value()),
        used_(queue.rings().used.value()),
        event_index_(event_index) {}

  // The next chain that the driver has shown.
  std::optional<Chain> pop() {
    if (memory_at<std::uint16_t>(available_ + 2) == next_available_) return std::nullopt;
    const auto head = memory_at<std::uint16_t>(available_ + 4 + 2 * (next_available_ % size_));
    ++next_available_;
    Chain chain{head, {}};
    collect(descriptors_, size_, head, chain.buffers);
    return chain;
  }
  void complete(std::uint16_t head, std::uint32_t written) {
    put_used(head, written);
    ++memory_at<std::uint16_t>(used_ + 2);
  }
  // Writes an entry without any regard for sense.
  void put_used(std::uint32_t id, std::uint32_t written) {
    const std::uint16_t index = memory_at<std::uint16_t>(used_ + 2);
    memory_at<std::uint32_t>(used_ + 4 + 8u * (index % size_)) = id;
    memory_at<std::uint32_t>(used_ + 8 + 8u * (index % size_)) = written;
  }
  void move_used_index(std::uint16_t by) { memory_at<std::uint16_t>(used_ + 2) += by; }

  // Whether the driver wants an interrupt for the completions since the last call (2.7.7, 2.7.10).
  bool wants_interrupt() {
    const std::uint16_t before = signalled_;
    const std::uint16_t now = memory_at<std::uint16_t>(used_ + 2);
    signalled_ = now;
    if (now == before) return false;
    if (!event_index_) return (memory_at<std::uint16_t>(available_) & 1) == 0;
    const auto event = memory_at<std::uint16_t>(available_ + 4 + 2u * size_);
    return static_cast<std::uint16_t>(now - event - 1) < static_cast<std::uint16_t>(now - before);
  }
  // Asks to be notified of the next chain, or not.
  void want_notification(bool wanted) {
    if (event_index_) {
      memory_at<std::uint16_t>(used_ + 4 + 8u * size_) =
          wanted ? next_available_ : static_cast<std::uint16_t>(next_available_ - 1);
    } else {
      memory_at<std::uint16_t>(used_) = wanted ? 0 : 1;
    }
  }

 private:
  static void collect(std::uint64_t table, std::size_t table_size, std::uint16_t first,
                      std::vector<Buffer>& into) {
    constexpr std::uint16_t kNext = 1, kWrite = 2, kIndirect = 4;
    std::uint16_t index = first;
    for (std::size_t steps = 0;; ++steps) {
      ASSERT_LT(steps, table_size) << "the chain is a loop";
      ASSERT_LT(index, table_size);
      const auto& descriptor = memory_at<VirtqDescriptor>(table + sizeof(VirtqDescriptor) * index);
      if ((descriptor.flags & kIndirect) != 0) {
        ASSERT_EQ(descriptor.flags, kIndirect);
        ASSERT_EQ(descriptor.size % sizeof(VirtqDescriptor), 0u);
        collect(descriptor.address, descriptor.size / sizeof(VirtqDescriptor), 0, into);
        return;
      }
      const bool writable = (descriptor.flags & kWrite) != 0;
      const bool after_writable = !into.empty() && into.back().writable;
      ASSERT_TRUE(writable || !after_writable) << "a readable buffer after a writable one";
      into.push_back({descriptor.address, descriptor.size, writable});
      if ((descriptor.flags & kNext) == 0) return;
      index = descriptor.next;
    }
  }

  std::uint16_t size_ = 0;
  std::uint64_t descriptors_ = 0, available_ = 0, used_ = 0;
  bool event_index_ = false;
  std::uint16_t next_available_ = 0;
  std::uint16_t signalled_ = 0;
};

// What the test sees of its transport, which the driver owns.
struct DeviceState {
  std::uint16_t type = 0;
  std::uint64_t features = feature_bit(kFeatureVersion1);
  std::uint16_t queue_limit = 128;
  std::vector<std::uint8_t> configuration = std::vector<std::uint8_t>(64, 0);
  bool refuses_features = false;

  std::uint8_t status = 0;
  std::uint64_t driver_features = 0;
  std::map<std::uint16_t, DeviceQueue> queues;
  VirtioInterruptTarget* target = nullptr;
  std::function<void(std::uint16_t queue)> notified = [](std::uint16_t) {};
  int notifications = 0;

  void put32(std::size_t offset, std::uint32_t value) {
    std::memcpy(&configuration[offset], &value, 4);
  }
  // Lets the driver know, where it asked to.
  bool interrupt(std::uint16_t queue) {
    if (!queues[queue].wants_interrupt()) return false;
    target->handle_queues();
    return true;
  }
};

class FakeTransport final : public VirtioTransport {
 public:
  explicit FakeTransport(DeviceState& state) : state_(state) {}
  std::uint16_t type() const override { return state_.type; }
  const char* name() const override { return "fake"; }
  std::uint8_t status() override { return state_.status; }
  void set_status(std::uint8_t status) override {
    state_.status = status;
    if (state_.refuses_features) state_.status &= static_cast<std::uint8_t>(~kStatusFeaturesOk);
    if (status == 0) state_.queues.clear();
  }
  std::uint64_t device_features() override { return state_.features; }
  void set_driver_features(std::uint64_t features) override { state_.driver_features = features; }
  std::uint16_t queue_size_limit(std::uint16_t) override { return state_.queue_limit; }
  Result<void> enable_queue(std::uint16_t queue, const Virtqueue& rings) override {
    EXPECT_EQ(state_.status & kStatusDriverOk, 0) << "queues are set up before the device runs";
    state_.queues[queue] =
        DeviceQueue(rings, (state_.driver_features & feature_bit(kFeatureEventIndex)) != 0);
    return {};
  }
  void notify(std::uint16_t queue) override {
    ++state_.notifications;
    state_.notified(queue);
  }
  std::uint32_t configuration_generation() override { return 0; }
  std::uint8_t read_configuration8(std::uint32_t offset) override {
    return state_.configuration.at(offset);
  }
  std::uint16_t read_configuration16(std::uint32_t offset) override {
    std::uint16_t value = 0;
    std::memcpy(&value, &state_.configuration.at(offset), sizeof(value));
    return value;
  }
  std::uint32_t read_configuration32(std::uint32_t offset) override {
    std::uint32_t value = 0;
    std::memcpy(&value, &state_.configuration.at(offset), sizeof(value));
    return value;
  }
  Result<void> connect(VirtioInterruptTarget& target) override {
    state_.target = &target;
    return {};
  }

 private:
  DeviceState& state_;
};

}  // namespace mokapot::fake
