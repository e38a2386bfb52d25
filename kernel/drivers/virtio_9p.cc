// SPDX-License-Identifier: Apache-2.0
//
// One queue; a request is a chain of two descriptors, the message and the room for its answer.
//
// Lock: lock_ (rank kDeviceQueue), interrupts off: requests in flight, ring. Completions are called
// without it. Invariant: an entry of in_flight_ is null or the request of a chain that the device has.

#include "drivers/virtio_9p.h"

#include <algorithm>

#include "device/message_channel.h"
#include "drivers/virtio_start.h"
#include "sync/spinlock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr unsigned kFeatureMountTag = 0;
constexpr std::uint32_t kConfigurationTagSize = 0;
constexpr std::uint32_t kConfigurationTag = 2;

constexpr std::uint16_t kRequestQueue = 0;
constexpr std::uint16_t kQueueSize = 64;
constexpr std::size_t kDescriptors = 2;  // of a request
constexpr std::size_t kMostInFlight = kQueueSize / kDescriptors;
constexpr std::size_t kMostTag = 31;

class Virtio9p final : public MessageChannel, public VirtioInterruptTarget {
 public:
  explicit Virtio9p(std::unique_ptr<VirtioTransport> transport)
      : transport_(std::move(transport)) {}

  // Everything up to a running device.
  Result<void> start();
  void abandon() { fail_device(*transport_); }
  const char* where() const { return transport_->name(); }
  bool interrupts_connected() const { return interrupts_connected_; }

  const char* tag() const override { return tag_; }
  std::size_t most_in_flight() const override { return most_in_flight_; }
  Result<void> submit(MessageRequest& request) override;

  bool handle_queues() override;
  void handle_configuration_change() override {}  // the tag is for good

 private:
  void read_tag();
  MessageRequest* take_completed(std::size_t& size);
  void fail_all();

  const std::unique_ptr<VirtioTransport> transport_;
  // Constant after start().
  bool interrupts_connected_ = false;
  char tag_[kMostTag + 1] = {};
  std::size_t most_in_flight_ = 0;

  SpinLock lock_{LockRank::kDeviceQueue};
  OwnedQueue queue_ GUARDED_BY(lock_);
  MessageRequest* in_flight_[kMostInFlight] GUARDED_BY(lock_) = {};
  bool failed_ GUARDED_BY(lock_) = false;
};

Result<void> Virtio9p::start() {
  const std::uint64_t features =
      TRY(negotiate(*transport_, feature_bit(kFeatureMountTag) | feature_bit(kFeatureEventIndex)));
  if ((features & feature_bit(kFeatureMountTag)) == 0) return Errno::kENODEV;
  read_tag();
  if (tag_[0] == '\0') return Errno::kENODEV;
  TRY(transport_->connect(*this));
  interrupts_connected_ = true;
  OwnedQueue queue = TRY(set_up_queue(*transport_, kRequestQueue, kQueueSize, features));
  most_in_flight_ = queue.rings.size() / kDescriptors;
  if (most_in_flight_ == 0) return Errno::kENODEV;
  {
    IrqSpinGuard guard(lock_);
    queue_ = std::move(queue);
    (void)queue_.rings.enable_interrupt();
  }
  start_device(*transport_);
  return {};
}

void Virtio9p::read_tag() {
  const std::uint16_t size = transport_->read_configuration16(kConfigurationTagSize);
  if (size > kMostTag) {
    LOG_ERROR("virtio-9p %s: its mount tag has %u bytes, more than %zu", where(), size, kMostTag);
    return;
  }
  for (std::uint32_t i = 0; i < size; ++i)
    tag_[i] = static_cast<char>(transport_->read_configuration8(kConfigurationTag + i));
}

Result<void> Virtio9p::submit(MessageRequest& request) {
  using Direction = DmaBuffer::Direction;
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    if (failed_) return Errno::kEIO;
    const auto end = std::begin(in_flight_) + most_in_flight_;
    const auto free = std::find(std::begin(in_flight_), end, nullptr);
    if (free == end) return Errno::kENOBUFS;
    const DmaBuffer chain[kDescriptors] = {
        {request.message.address, request.message.size, Direction::kDeviceReads},
        {request.answer.address, request.answer.size, Direction::kDeviceWrites}};
    TRY(queue_.rings.add(chain, static_cast<std::uint32_t>(free - std::begin(in_flight_))));
    *free = &request;
    notify = queue_.rings.publish();
  }
  if (notify) transport_->notify(kRequestQueue);
  return {};
}

// The next request that has been answered; nullptr if there is none.
MessageRequest* Virtio9p::take_completed(std::size_t& size) {
  IrqSpinGuard guard(lock_);
  while (true) {
    const auto completion = queue_.rings.take();
    if (!completion) {
      if (queue_.rings.enable_interrupt()) return nullptr;
      continue;  // one more came before interrupts were on
    }
    MessageRequest* request = std::exchange(in_flight_[completion->token], nullptr);
    size = std::min<std::size_t>(completion->written, request->answer.size);
    return request;
  }
}

bool Virtio9p::handle_queues() {
  std::size_t size = 0;
  bool any = false;
  while (MessageRequest* request = take_completed(size)) {
    any = true;
    request->done(*request, size);
  }
  bool broken = false;
  {
    IrqSpinGuard guard(lock_);
    broken = queue_.rings.broken() && !failed_;
    failed_ |= broken;
  }
  if (broken) fail_all();
  return any;
}

// The device wrote nonsense into the ring: it is stopped, and what it had fails.
void Virtio9p::fail_all() {
  LOG_ERROR("virtio-9p %s: the device broke the protocol and has been stopped", where());
  fail_device(*transport_);
  for (std::size_t i = 0; i < kMostInFlight; ++i) {
    MessageRequest* request = nullptr;
    {
      IrqSpinGuard guard(lock_);
      request = std::exchange(in_flight_[i], nullptr);
    }
    if (request != nullptr) request->done(*request, Errno::kEIO);
  }
}

}  // namespace

void start_virtio_9p(std::unique_ptr<VirtioTransport> transport) {
  const auto* device = start_virtio_device<Virtio9p>("virtio-9p", std::move(transport), register_message_channel);
  if (device == nullptr) return;
  LOG_INFO("virtio-9p %s: tag \"%s\"", device->where(), device->tag());
}

}  // namespace mokapot
