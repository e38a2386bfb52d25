// SPDX-License-Identifier: Apache-2.0
//
// What a network device says of the packets that it has received: the header in the buffer, the
// bytes written, and how many buffers a packet takes. Whatever it says, packets lie within buffers
// that the driver owns, and no buffer is lost or handed out twice.
//
// sources: kernel/drivers/virtio_net_receive.cc kernel/drivers/virtio_net_header.cc
// sources: kernel/drivers/virtqueue.cc kernel/drivers/virtio.cc

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "drivers/virtio_net_receive.h"
#include "memory/frames.h"

namespace {

using namespace mokapot;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

class Transport final : public VirtioTransport {
 public:
  std::uint16_t type() const override { return 1; }
  const char* name() const override { return "fuzz"; }
  std::uint8_t status() override { return 0; }
  void set_status(std::uint8_t) override {}
  std::uint64_t device_features() override { return 0; }
  void set_driver_features(std::uint64_t) override {}
  std::uint16_t queue_size_limit(std::uint16_t) override { return 16; }
  Result<void> enable_queue(std::uint16_t, const Virtqueue& queue) override {
    rings = queue.rings();
    return {};
  }
  void notify(std::uint16_t) override {}
  std::uint32_t configuration_generation() override { return 0; }
  std::uint8_t read_configuration8(std::uint32_t) override { return 0; }
  std::uint16_t read_configuration16(std::uint32_t) override { return 0; }
  std::uint32_t read_configuration32(std::uint32_t) override { return 0; }
  Result<void> connect(VirtioInterruptTarget&) override { return {}; }

  Virtqueue::Rings rings{};
};

// Only its address matters here.
class Device final : public NetDevice {
 public:
  const char* name() const override { return "fuzz"; }
  MacAddress address() const override { return {}; }
  std::uint32_t mtu() const override { return 1500; }
  bool link_up() const override { return true; }
  std::size_t queue_count() const override { return 1; }
  Capabilities capabilities() const override { return {}; }
  void attach(NetReceiver&) override {}
  Result<void> transmit(std::size_t, const NetTransmit&) override { return Errno::kEIO; }
  bool publish(std::size_t) override { return true; }
  void notify(std::size_t) override {}
  void reclaim(std::size_t) override {}
  std::size_t poll(std::size_t, std::span<NetBuffer*>) override { return 0; }
  bool rearm(std::size_t) override { return true; }
  void release(NetBuffer*) override {}
};

constexpr std::uint16_t kSize = 16;
constexpr std::size_t kMaxBuffers = 40;

template <typename T>
T& memory_at(PhysAddr address) {
  return *static_cast<T*>(direct_map(address));
}

class Run {
 public:
  explicit Run(bool mergeable)
      : queue_(transport_, device_, 0, set_up_queue(transport_, 0, kSize, 0).take(),
               {.buffer_order = 0, .mergeable = mergeable, .max_buffers = kMaxBuffers}) {
    require(queue_.start().ok());
  }
  ~Run() {
    for (NetBuffer* packet : held_) queue_.release(packet);
  }

  void step(std::uint8_t kind, std::span<const std::uint8_t> detail) {
    switch (kind % 4) {
      case 0:
      case 1:
        receive(detail);
        break;
      case 2:
        poll();
        break;
      default:
        if (held_.empty()) return;
        queue_.release(held_.front());
        held_.pop_front();
        break;
    }
  }
  std::size_t detail_size(std::uint8_t kind) const { return kind % 4 < 2 ? 14 : 0; }

 private:
  // The device uses the next buffer: twelve bytes of header, then two of the length it claims.
  void receive(std::span<const std::uint8_t> detail) {
    if (memory_at<std::uint16_t>(transport_.rings.available + 2) == next_available_) return;
    const auto head = memory_at<std::uint16_t>(transport_.rings.available + 4 +
                                               2u * (next_available_++ % kSize));
    const auto& descriptor =
        memory_at<VirtqDescriptor>(transport_.rings.descriptors + sizeof(VirtqDescriptor) * head);
    std::memcpy(direct_map(PhysAddr(descriptor.address)), detail.data(), 12);
    auto& index = memory_at<std::uint16_t>(transport_.rings.used + 2);
    const PhysAddr entry = transport_.rings.used + 4 + 8u * (index % kSize);
    memory_at<std::uint32_t>(entry) = head;
    memory_at<std::uint32_t>(entry + 4) = detail[12] | (std::uint32_t{detail[13]} << 8);
    ++index;
  }

  void poll() {
    NetBuffer* packets[3];
    const std::size_t count = queue_.poll(packets);
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t total = 0;
      for (const NetBuffer* piece = packets[i]; piece != nullptr; piece = piece->next) {
        const PhysAddr begin = from_direct_map(piece->data);
        require(piece->size > 0 && begin.page_offset() + piece->size <= kPageSize);
        require(frame_at(begin.page_down()).use == FrameUse::kDevice);
        total += piece->size;
        for (const NetBuffer* other : held_)
          for (; other != nullptr; other = other->next) require(other != piece);
      }
      const NetOffload& offload = packets[i]->offload;
      require(total >= kEthernetHeaderSize && total <= kMaxFrameSize);
      if (offload.needs_checksum)
        require(offload.checksum_start + offload.checksum_offset + 2u <= total);
      if (offload.segmentation != NetOffload::Segmentation::kNone)
        require(offload.segment_size != 0);
      held_.push_back(packets[i]);
    }
  }

  Transport transport_;
  Device device_;
  NetReceiveQueue queue_;
  std::uint16_t next_available_ = 0;
  std::deque<NetBuffer*> held_;
};

void run(bool mergeable, std::span<const std::uint8_t> input) {
  Run one(mergeable);
  while (!input.empty()) {
    const std::uint8_t kind = input.front();
    input = input.subspan(1);
    const std::size_t size = one.detail_size(kind);
    if (input.size() < size) return;
    one.step(kind, input.first(size));
    input = input.subspan(size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  run(true, std::span(data, size));
  run(false, std::span(data, size));
  const auto frames = frame_statistics();
  require(frames.used_by[static_cast<std::size_t>(FrameUse::kDevice)] == 0);
  return 0;
}
