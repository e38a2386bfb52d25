// SPDX-License-Identifier: Apache-2.0
//
// A network device as an interface of the stack: Ethernet on one side, lwIP's netif on the other.
//
// Receiving: an interrupt notes which queues have packets and wakes the network thread, which takes them in
// batches; the core lock is taken once a batch, and what the batch gave rise to leaves with one notification.
//
// Lock: core lock, but for the notes that the interrupt leaves (atomic). Contexts: thread; on_packets and
// on_link_change: interrupt.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "device/net_device.h"
#include "net/transmit_path.h"

#include "lwip/netif.h"

struct tcp_seg;
struct tcp_pcb;

namespace mokapot {

class EthernetInterface final : public NetReceiver {
 public:
  // Adds the interface to the stack and brings it up; it lives as long as the kernel. `hostname` too. kENOMEM.
  static Result<EthernetInterface*> create(NetDevice& device, std::size_t number, const char* hostname);

  // What the interrupt noted: up to a batch of packets from each queue that has some, and a change of the link.
  // True if there is more to do at once. Network thread.
  bool serve() EXCLUDES(net_core_lock());
  [[nodiscard]] bool flush() REQUIRES(net_core_lock()) { return transmit_.flush(); }
  // Tells the device, as flush() has asked for. No lock.
  void notify() NO_THREAD_SAFETY_ANALYSIS { transmit_.notify(); }
  // Buffers of packets that have been sent are let go of at the latest here, since TCP waits for them.
  void reclaim() REQUIRES(net_core_lock());

  netif& record() REQUIRES(net_core_lock()) { return netif_; }
  const char* name() const { return name_; }
  // MTUs beyond the device's do not pass; kEINVAL for them and for those below IPv4's least.
  Result<void> set_mtu(unsigned bytes) REQUIRES(net_core_lock());
  // A segment that lwIP is about to send here, its TCP header in front: whether it was taken behind those before it.
  bool continue_segments(tcp_seg& segment, const tcp_pcb& pcb) REQUIRES(net_core_lock());
  TransmitPath& transmit_path() REQUIRES(net_core_lock()) { return transmit_; }

  struct ReceiveCounters {
    std::uint64_t packets = 0, bytes = 0, dropped = 0;
  };
  const ReceiveCounters& receive_counters() const REQUIRES(net_core_lock()) { return received_; }

  void on_packets(std::size_t queue) override;
  void on_link_change() override;

  static EthernetInterface& of(netif& record) { return *static_cast<EthernetInterface*>(record.state); }

 private:
  static constexpr std::size_t kBatch = 64;

  EthernetInterface(NetDevice& device, std::size_t number);
  static err_t initialise(netif* record) NO_THREAD_SAFETY_ANALYSIS;  // called by netif_add
  void bring_up(const char* hostname) REQUIRES(net_core_lock());
  void receive(NetBuffer& packet) REQUIRES(net_core_lock());
  bool serve_queue(std::size_t queue) EXCLUDES(net_core_lock());
  void apply_link_state() REQUIRES(net_core_lock());

  NetDevice& device_;
  char name_[8] = {};
  std::atomic<std::uint64_t> queues_with_packets_{0};
  std::atomic<bool> link_changed_{false};

  netif netif_ GUARDED_BY(net_core_lock()) = {};
  TransmitPath transmit_ GUARDED_BY(net_core_lock());
  ReceiveCounters received_ GUARDED_BY(net_core_lock());
};

// In order of their numbers; nullptr past the end. Constant after start_network().
EthernetInterface* ethernet_interface(std::size_t index);

}  // namespace mokapot
