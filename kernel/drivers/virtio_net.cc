// SPDX-License-Identifier: Apache-2.0
//
// The interface as a whole: features, sizes, the link, and what happens to a device that breaks the
// protocol. Packets are the business of the queues (virtio_net_receive.h, virtio_net_transmit.h).
//
// Where the device offers several pairs of queues, each CPU has one, and on PCI its interrupt too.
// Memory is planned by the VM's size; a receive buffer exists only once somebody is attached.
//
// Locks: none; fields are constant after start(), or atomic.

#include "drivers/virtio_net.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "base/ref_counted.h"
#include "device/net_device.h"
#include "device/random.h"
#include "drivers/virtio_net_control.h"
#include "drivers/virtio_net_receive.h"
#include "drivers/virtio_net_transmit.h"
#include "drivers/virtio_start.h"
#include "irq/irq.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr unsigned kFeatureChecksum = 0;
constexpr unsigned kFeatureGuestChecksum = 1;
constexpr unsigned kFeatureMtu = 3;
constexpr unsigned kFeatureMac = 5;
constexpr unsigned kFeatureGuestTso4 = 7;
constexpr unsigned kFeatureGuestTso6 = 8;
constexpr unsigned kFeatureGuestEcn = 9;
constexpr unsigned kFeatureHostTso4 = 11;
constexpr unsigned kFeatureHostTso6 = 12;
constexpr unsigned kFeatureMergeable = 15;
constexpr unsigned kFeatureStatus = 16;
constexpr unsigned kFeatureControl = 17;
constexpr unsigned kFeatureMultiqueue = 22;

constexpr std::uint32_t kConfigurationMac = 0;
constexpr std::uint32_t kConfigurationStatus = 6;
constexpr std::uint32_t kConfigurationMaxPairs = 8;
constexpr std::uint32_t kConfigurationMtu = 10;
constexpr std::uint16_t kStatusLinkUp = 1;

constexpr std::size_t kMaxPairs = 16;
constexpr std::uint8_t kCommandSetPairs = 0;
constexpr std::uint16_t receive_queue_of(std::size_t pair) {
  return static_cast<std::uint16_t>(2 * pair);
}
constexpr std::uint16_t transmit_queue_of(std::size_t pair) {
  return static_cast<std::uint16_t>(2 * pair + 1);
}

constexpr std::uint32_t kUsualMtu = 1500;
constexpr std::uint32_t kSmallestMtu = 68;  // what the specification promises, and IPv4 needs
constexpr std::uint32_t kLargestHeader = 18;  // Ethernet's, with a VLAN tag

class VirtioNet final : public NetDevice, public VirtioInterruptTarget {
 public:
  explicit VirtioNet(std::unique_ptr<VirtioTransport> transport)
      : transport_(std::move(transport)), control_(*transport_) {}

  // Everything up to a running device.
  Result<void> start();
  void abandon() { fail_device(*transport_); }
  bool interrupts_connected() const { return interrupts_connected_; }

  const char* name() const override { return transport_->name(); }
  MacAddress address() const override { return address_; }
  std::uint32_t mtu() const override { return mtu_; }
  bool link_up() const override { return link_up_.load(std::memory_order_relaxed); }
  std::size_t queue_count() const override { return pair_count_; }
  std::uint64_t malformed() override;
  Capabilities capabilities() const override { return capabilities_; }

  void attach(NetReceiver& receiver) override;
  Result<void> transmit(std::size_t queue, const NetTransmit& packet) override;
  bool publish(std::size_t queue) override { return pairs_[queue].transmit->publish(); }
  void notify(std::size_t queue) override { pairs_[queue].transmit->notify(); }
  void reclaim(std::size_t queue) override;
  std::size_t poll(std::size_t queue, std::span<NetBuffer*> packets) override;
  bool rearm(std::size_t queue) override;
  void release(NetBuffer* packet) override { NetReceiveQueue::of(*packet).release(packet); }

  bool handle_queues() override;
  void handle_configuration_change() override;

 private:
  // A receive and a transmit queue.
  struct Pair final : VirtioQueueTarget {
    VirtioNet* owner = nullptr;
    std::size_t number = 0;
    std::unique_ptr<NetReceiveQueue> receive;
    std::unique_ptr<NetTransmitQueue> transmit;
    void handle_queue() override { (void)take_interrupt(); }
    bool take_interrupt();
  };

  bool has(unsigned feature) const { return (features_ & feature_bit(feature)) != 0; }
  void read_configuration();
  Result<void> set_up_queues();
  Result<void> set_up_pair(std::size_t number, std::uint16_t receive_size,
                           std::uint16_t transmit_size, const NetReceiveQueue::Layout& layout);
  void start_pairs();
  bool read_link() const;
  bool asks_too_much(const NetOffload& offload) const;
  void stop_broken_device();

  const std::unique_ptr<VirtioTransport> transport_;
  // Constant after start().
  bool interrupts_connected_ = false;
  std::uint64_t features_ = 0;
  MacAddress address_{};
  std::uint32_t mtu_ = kUsualMtu;
  Capabilities capabilities_;
  Pair pairs_[kMaxPairs];
  std::size_t pair_count_ = 1;
  NetControlQueue control_;
  bool has_control_ = false;  // from before the device runs

  std::atomic<bool> link_up_{true};
  std::atomic<NetReceiver*> receiver_{nullptr};
  std::atomic<bool> stopping_{false};  // somebody resets the device
  std::atomic<bool> stopped_{false};   // it has been reset, and touches no memory
};

// What depends on a feature that the device does not offer is not asked for either (5.1.3.1).
std::uint64_t wanted_features(std::uint64_t offered) {
  const auto offers = [offered](unsigned feature) { return (offered & feature_bit(feature)) != 0; };
  std::uint64_t wanted = feature_bit(kFeatureMtu) | feature_bit(kFeatureMac) |
                         feature_bit(kFeatureMergeable) | feature_bit(kFeatureStatus) |
                         feature_bit(kFeatureIndirect) | feature_bit(kFeatureEventIndex);
  if (offers(kFeatureChecksum)) {
    wanted |= feature_bit(kFeatureChecksum) | feature_bit(kFeatureHostTso4) |
              feature_bit(kFeatureHostTso6);
  }
  if (offers(kFeatureControl) && std::popcount(online_cpus()) > 1)
    wanted |= feature_bit(kFeatureControl) | feature_bit(kFeatureMultiqueue);
  if (offers(kFeatureGuestChecksum)) {
    wanted |= feature_bit(kFeatureGuestChecksum);
    // Without mergeable buffers each of them would have to hold 64 KiB.
    if (offers(kFeatureMergeable)) {
      wanted |= feature_bit(kFeatureGuestTso4) | feature_bit(kFeatureGuestTso6);
      // Or the host would segment what has the congestion bit set.
      if (offers(kFeatureGuestTso4) || offers(kFeatureGuestTso6))
        wanted |= feature_bit(kFeatureGuestEcn);
    }
  }
  return wanted;
}

Result<void> VirtioNet::start() {
  features_ = TRY(negotiate(*transport_, wanted_features(transport_->device_features())));
  read_configuration();
  TRY(transport_->connect(*this));
  interrupts_connected_ = true;
  TRY(set_up_queues());
  start_device(*transport_);
  start_pairs();
  return {};
}

void VirtioNet::read_configuration() {
  if (has(kFeatureMac)) {
    for (std::uint32_t i = 0; i < sizeof(address_.bytes); ++i)
      address_.bytes[i] = transport_->read_configuration8(kConfigurationMac + i);
  } else {
    constexpr std::uint8_t kLocal = 2, kMulticast = 1;
    random_bytes(address_.bytes, sizeof(address_.bytes));
    address_.bytes[0] = static_cast<std::uint8_t>((address_.bytes[0] | kLocal) & ~kMulticast);
  }
  if (has(kFeatureMtu)) {
    const std::uint32_t offered = transport_->read_configuration16(kConfigurationMtu);
    if (offered >= kSmallestMtu) mtu_ = offered;
  }
  if (has(kFeatureMultiqueue) && has(kFeatureControl)) {
    const std::size_t offered = transport_->read_configuration16(kConfigurationMaxPairs);
    const auto cpus = static_cast<std::size_t>(std::popcount(online_cpus()));
    pair_count_ = std::clamp<std::size_t>(offered, 1, std::min(cpus, kMaxPairs));
  }
  link_up_.store(read_link(), std::memory_order_relaxed);
  capabilities_.checksum = has(kFeatureChecksum);
  capabilities_.tcp4_segmentation = has(kFeatureHostTso4);
  capabilities_.tcp6_segmentation = has(kFeatureHostTso6);
}

bool VirtioNet::read_link() const {
  return !has(kFeatureStatus) ||
         (transport_->read_configuration16(kConfigurationStatus) & kStatusLinkUp) != 0;
}

Result<void> VirtioNet::set_up_queues() {
  NetReceiveQueue::Layout layout;
  layout.mergeable = has(kFeatureMergeable);
  if (!layout.mergeable) {
    while ((kPageSize << layout.buffer_order) < sizeof(VirtioNetHeader) + kLargestHeader + mtu_)
      ++layout.buffer_order;
  }
  // A 128th of memory waits for packets, and a 16th may be with the stack.
  const std::uint64_t frames = frame_statistics().total_frames;
  const std::uint64_t affordable = (frames / 128 / pair_count_) >> layout.buffer_order;
  const auto receive_size =
      static_cast<std::uint16_t>(std::bit_floor(std::clamp<std::uint64_t>(affordable, 32, 256)));
  layout.max_buffers =
      std::max<std::uint64_t>((frames / 16 / pair_count_) >> layout.buffer_order, 64);
  const auto transmit_size = static_cast<std::uint16_t>(
      std::bit_floor(std::clamp<std::uint64_t>(frames / 64 / pair_count_, 64, 256)));

  for (std::size_t i = 0; i < pair_count_; ++i)
    TRY(set_up_pair(i, receive_size, transmit_size, layout));
  capabilities_.max_segments = pairs_[0].transmit->max_segments();
  if (pair_count_ > 1) {
    // Behind all the pairs that the device has, used or not.
    const std::uint16_t offered = transport_->read_configuration16(kConfigurationMaxPairs);
    TRY(control_.set_up(static_cast<std::uint16_t>(2 * offered), features_));
    has_control_ = true;
  }
  return {};
}

Result<void> VirtioNet::set_up_pair(std::size_t number, std::uint16_t receive_size,
                                    std::uint16_t transmit_size,
                                    const NetReceiveQueue::Layout& layout) {
  Pair& pair = pairs_[number];
  pair.owner = this;
  pair.number = number;
  const std::uint16_t receive = receive_queue_of(number), transmit = transmit_queue_of(number);
  for (const std::uint16_t queue : {receive, transmit}) {
    const Result<void> connected =
        transport_->connect_queue(queue, pair, CpuId(static_cast<std::uint32_t>(number)));
    // The shared interrupt is then as good as any.
    if (!connected.ok() && connected.error() != Errno::kEOPNOTSUPP) return connected;
  }
  OwnedQueue receive_rings = TRY(set_up_queue(*transport_, receive, receive_size, features_));
  pair.receive = TRY(make_unique_or_error<NetReceiveQueue>(*transport_, *this, receive,
                                                           std::move(receive_rings), layout));
  OwnedQueue transmit_rings = TRY(set_up_queue(*transport_, transmit, transmit_size, features_));
  pair.transmit = TRY(NetTransmitQueue::create(
      *transport_, transmit, std::move(transmit_rings),
      has(kFeatureIndirect) ? NetTransmitQueue::Indirect::kYes : NetTransmitQueue::Indirect::kNo));
  return {};
}

// A device begins with one pair in use.
void VirtioNet::start_pairs() {
  if (pair_count_ == 1) return;
  const auto count = static_cast<std::uint16_t>(pair_count_);
  const Result<void> answer = control_.send(NetControlQueue::Class::kMultiqueue, kCommandSetPairs,
                                            std::as_bytes(std::span(&count, 1)));
  if (answer.ok()) return;
  LOG_WARNING("virtio-net %s: the device does not use its %zu pairs of queues; one will do", name(),
              pair_count_);
  pair_count_ = 1;
}

void VirtioNet::attach(NetReceiver& receiver) {
  receiver_.store(&receiver, std::memory_order_release);
  for (std::size_t i = 0; i < pair_count_; ++i) {
    const Result<void> started = pairs_[i].receive->start();
    if (!started.ok())
      LOG_ERROR("virtio-net %s: no memory to receive into; queue %zu stays empty", name(), i);
  }
}

std::uint64_t VirtioNet::malformed() {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < pair_count_; ++i) sum += pairs_[i].receive->malformed();
  return sum;
}

// --- Interrupts --------------------------------------------------------------------------------

bool VirtioNet::Pair::take_interrupt() {
  NetReceiver* receiver = owner->receiver_.load(std::memory_order_acquire);
  if (receiver == nullptr) return false;
  const bool packets = receive->handle_interrupt();
  const bool room = transmit->handle_interrupt();
  if (packets || room) receiver->on_packets(number);
  return packets || room;
}

bool VirtioNet::handle_queues() {
  if (has_control_) control_.handle_interrupt();
  bool any = false;
  for (std::size_t i = 0; i < pair_count_; ++i) any |= pairs_[i].take_interrupt();
  return any;
}

void VirtioNet::handle_configuration_change() {
  const bool up = read_link() && !stopping_.load(std::memory_order_relaxed);
  if (link_up_.exchange(up, std::memory_order_relaxed) == up) return;
  LOG_INFO("virtio-net %s: the link is %s", name(), up ? "up" : "down");
  if (NetReceiver* receiver = receiver_.load(std::memory_order_acquire)) receiver->on_link_change();
}

// --- Packets -----------------------------------------------------------------------------------

bool VirtioNet::asks_too_much(const NetOffload& offload) const {
  using Segmentation = NetOffload::Segmentation;
  switch (offload.segmentation) {
    case Segmentation::kNone:
      return offload.needs_checksum && !capabilities_.checksum;
    case Segmentation::kTcp4:
      return !capabilities_.tcp4_segmentation || !offload.needs_checksum;
    case Segmentation::kTcp6:
      return !capabilities_.tcp6_segmentation || !offload.needs_checksum;
    default:
      return true;
  }
}

Result<void> VirtioNet::transmit(std::size_t queue, const NetTransmit& packet) {
  NetTransmitQueue& transmit = *pairs_[queue].transmit;
  if (stopped_.load(std::memory_order_acquire)) {
    transmit.abandon();
    return Errno::kEIO;
  }
  // The device would take it for a breach of the protocol, and stop.
  if (asks_too_much(packet.offload)) return Errno::kEINVAL;
  const Result<void> queued = transmit.transmit(packet);
  if (!queued.ok() && queued.error() == Errno::kEIO) stop_broken_device();
  return queued;
}

void VirtioNet::reclaim(std::size_t queue) {
  NetTransmitQueue& transmit = *pairs_[queue].transmit;
  if (stopped_.load(std::memory_order_acquire)) return transmit.abandon();
  transmit.reclaim();
  if (transmit.broken()) stop_broken_device();
}

std::size_t VirtioNet::poll(std::size_t queue, std::span<NetBuffer*> packets) {
  NetReceiveQueue& receive = *pairs_[queue].receive;
  const std::size_t count = receive.poll(packets);
  if (receive.broken()) stop_broken_device();
  return count;
}

bool VirtioNet::rearm(std::size_t queue) { return pairs_[queue].receive->rearm(); }

void VirtioNet::stop_broken_device() {
  if (stopping_.exchange(true)) return;
  LOG_ERROR("virtio-net %s: the device broke the protocol and has been stopped", name());
  fail_device(*transport_);
  link_up_.store(false, std::memory_order_relaxed);
  // Release: whoever sees it may end what the device had.
  stopped_.store(true, std::memory_order_release);
}

}  // namespace

void start_virtio_net(std::unique_ptr<VirtioTransport> transport) {
  const auto* device = start_virtio_device<VirtioNet>("virtio-net", std::move(transport), register_net_device);
  if (device == nullptr) return;
  const MacAddress address = device->address();
  const NetDevice::Capabilities capabilities = device->capabilities();
  LOG_INFO("virtio-net %s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, queues: %zu, link %s%s%s",
           device->name(), address.bytes[0], address.bytes[1], address.bytes[2], address.bytes[3],
           address.bytes[4], address.bytes[5], device->mtu(), device->queue_count(),
           device->link_up() ? "up" : "down", capabilities.checksum ? ", checksums" : "",
           capabilities.tcp4_segmentation ? ", segmentation" : "");
}

}  // namespace mokapot
