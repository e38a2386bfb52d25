// SPDX-License-Identifier: Apache-2.0
//
// The host's side of a virtio-net for tests: what it offers, and the packets that it takes and
// gives.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "device/net_device.h"
#include "drivers/fake_virtio.h"
#include "drivers/virtio_net.h"
#include "drivers/virtio_net_header.h"

namespace mokapot::fake {

inline constexpr unsigned kChecksum = 0, kGuestChecksum = 1, kMtu = 3, kMac = 5, kGuestTso4 = 7,
                          kGuestTso6 = 8, kGuestEcn = 9, kHostTso4 = 11, kHostTso6 = 12,
                          kMergeable = 15, kStatus = 16, kControl = 17, kMultiqueue = 22;
inline constexpr std::uint64_t kOffloads =
    feature_bit(kChecksum) | feature_bit(kGuestChecksum) | feature_bit(kGuestTso4) |
    feature_bit(kGuestTso6) | feature_bit(kGuestEcn) | feature_bit(kHostTso4) |
    feature_bit(kHostTso6);
inline constexpr std::uint64_t kPlain = feature_bit(kMac) | feature_bit(kStatus) |
                                        feature_bit(kFeatureEventIndex) |
                                        feature_bit(kFeatureIndirect);
inline constexpr std::uint64_t kUsual = kPlain | kOffloads | feature_bit(kMergeable);

using Bytes = std::vector<std::uint8_t>;

inline Bytes frame_of(std::size_t size, std::uint8_t seed = 1) {
  Bytes bytes(size);
  std::mt19937 random(seed);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

// What the driver has registered, until somebody takes it: the registry proper is for a few.
extern NetDevice* last_registered;

// What a stack does when it is told.
struct Receiver final : NetReceiver {
  int packets = 0, link_changes = 0;
  std::size_t last_queue = 0;
  void on_packets(std::size_t queue) override {
    last_queue = queue;
    ++packets;
  }
  void on_link_change() override { ++link_changes; }
};

// Packets that go back to the device when they are done with.
class Packets {
 public:
  explicit Packets(NetDevice& device) : device_(device) {}
  Packets(Packets&&) = default;
  ~Packets() {
    for (NetBuffer* packet : packets_) device_.release(packet);
  }
  void add(std::span<NetBuffer*> packets) {
    packets_.insert(packets_.end(), packets.begin(), packets.end());
  }
  std::size_t size() const { return packets_.size(); }
  bool empty() const { return packets_.empty(); }
  NetBuffer& operator[](std::size_t i) const { return *packets_[i]; }
  // The caller's from here on.
  std::vector<NetBuffer*> take() { return std::exchange(packets_, {}); }

 private:
  NetDevice& device_;
  std::vector<NetBuffer*> packets_;
};

// Drivers live for ever, so hosts do too.
struct NetHost {
  DeviceState state;
  Receiver receiver;
  NetDevice* device = nullptr;
  std::deque<Chain> posted;  // receive buffers in hand
  std::vector<Bytes> sent;   // by the guest, each with its header
  std::deque<Chain> sending;

  explicit NetHost(std::uint64_t features) {
    state.type = 1;
    state.features |= features;
    state.queue_limit = 256;
    const std::uint8_t mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    std::copy(std::begin(mac), std::end(mac), state.configuration.begin());
    set_link(true);
  }
  void set_link(bool up) { state.configuration[6] = up ? 1 : 0; }
  void set_mtu(std::uint16_t mtu) {
    state.features |= feature_bit(kMtu);
    std::memcpy(&state.configuration[10], &mtu, sizeof(mtu));
  }
  NetDevice* start() {
    start_virtio_net(std::make_unique<FakeTransport>(state));
    return device = std::exchange(last_registered, nullptr);
  }
  NetDevice* start_and_attach() {
    if (start() != nullptr) device->attach(receiver);
    return device;
  }

  void fetch() {
    while (auto chain = state.queues[0].pop()) posted.push_back(*chain);
  }
  // Spreads the bytes, header included, over as many buffers as they need; returns how many.
  std::size_t fill(const Bytes& bytes) {
    fetch();
    std::size_t done = 0, count = 0;
    while (done < bytes.size()) {
      if (posted.empty()) return 0;
      const Chain chain = posted.front();
      posted.pop_front();
      EXPECT_EQ(chain.buffers.size(), 1u);
      EXPECT_TRUE(chain.buffers[0].writable);
      const std::size_t piece = std::min<std::size_t>(chain.buffers[0].size, bytes.size() - done);
      std::memcpy(chain.buffers[0].bytes(), &bytes[done], piece);
      state.queues[0].complete(chain.head, static_cast<std::uint32_t>(piece));
      done += piece;
      ++count;
    }
    return count;
  }
  bool deliver(const Bytes& frame, VirtioNetHeader header = {}) {
    fetch();
    if (posted.empty()) return false;
    const std::size_t capacity = posted.front().buffers[0].size;
    header.buffers =
        static_cast<std::uint16_t>((sizeof(header) + frame.size() + capacity - 1) / capacity);
    if (posted.size() < header.buffers) return false;
    Bytes all(sizeof(header));
    std::memcpy(all.data(), &header, sizeof(header));
    all.insert(all.end(), frame.begin(), frame.end());
    return fill(all) != 0;
  }
  bool interrupt() { return state.interrupt(0); }
  // Four at most.
  Packets poll() {
    NetBuffer* some[4];
    Packets packets(*device);
    packets.add(std::span(some).first(device->poll(0, some)));
    return packets;
  }
  // What the stack's thread does after an interrupt.
  Packets poll_all() {
    Packets all(*device);
    do {
      NetBuffer* some[4];
      std::size_t count = 0;
      do {
        count = device->poll(0, some);
        all.add(std::span(some).first(count));
      } while (count == std::size(some));
    } while (!device->rearm(0));
    return all;
  }
  void send_all() {
    while (auto chain = state.queues[1].pop()) {
      Bytes bytes;
      for (const Buffer& buffer : chain->buffers) {
        EXPECT_FALSE(buffer.writable);
        bytes.insert(bytes.end(), buffer.bytes(), buffer.bytes() + buffer.size);
      }
      sent.push_back(bytes);
      sending.push_back(*chain);
    }
  }
  void complete_sent() {
    for (const Chain& chain : sending) state.queues[1].complete(chain.head, 0);
    sending.clear();
  }
};

NetHost& make_net_host(std::uint64_t features);

inline Bytes contents(const NetBuffer& first) {
  Bytes bytes;
  for (const NetBuffer* packet = &first; packet != nullptr; packet = packet->next) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(packet->data);
    bytes.insert(bytes.end(), from, from + packet->size);
  }
  return bytes;
}

inline std::size_t device_frames() {
  return frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kDevice)];
}

// Memory of the guest's to send from.
class Source {
 public:
  explicit Source(const Bytes& bytes)
      : frames_(allocate_frames(4, FrameUse::kKernel, FrameContents::kZeroed).take()) {
    std::memcpy(direct_map(frames_), bytes.data(), bytes.size());
  }
  ~Source() { free_frames(frames_, 4); }
  std::vector<PhysSegment> in_pieces(std::size_t size, std::size_t piece) const {
    std::vector<PhysSegment> segments;
    for (std::size_t at = 0; at < size; at += piece)
      segments.push_back({frames_ + at, static_cast<std::uint32_t>(std::min(piece, size - at))});
    return segments;
  }

 private:
  PhysAddr frames_;
};

}  // namespace mokapot::fake
