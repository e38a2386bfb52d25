// SPDX-License-Identifier: Apache-2.0
#include "net/ethernet_interface.h"

#include <bit>
#include <cstring>
#include <new>

#include "base/format.h"
#include "net/address_watch.h"
#include "net/lwip_port/include/lwip_hooks.h"
#include "net/network_thread.h"
#include "net/receive_buffer.h"
#include "trace/log.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "netif/ethernet.h"

namespace mokapot {
namespace {

constinit EthernetInterface* interfaces[kMaxNetDevices] = {};
constexpr unsigned kLeastMtu = 576;  // RFC 791: what every host must accept
constexpr unsigned kMostMtu = 65535 - 20;

bool is_multicast(const eth_addr& address) { return (address.addr[0] & 1) != 0; }

// What lwIP wants to know of how a packet was addressed.
u8_t link_flags(const eth_addr& to) {
  if (!is_multicast(to)) return 0;
  return eth_addr_cmp(&to, &ethbroadcast) ? PBUF_FLAG_LLBCAST : PBUF_FLAG_LLMCAST;
}

}  // namespace

EthernetInterface* ethernet_interface(std::size_t index) { return index < kMaxNetDevices ? interfaces[index] : nullptr; }

EthernetInterface::EthernetInterface(NetDevice& device, std::size_t number) : device_(device), transmit_(device) {
  format_to(name_, sizeof(name_), "eth%zu", number);
}

Result<EthernetInterface*> EthernetInterface::create(NetDevice& device, std::size_t number, const char* hostname) {
  auto* interface = new (std::nothrow) EthernetInterface(device, number);
  if (interface == nullptr) return Errno::kENOMEM;
  {
    const NetCoreGuard core;
    interface->bring_up(hostname);
    interfaces[number] = interface;
  }
  device.attach(*interface);
  interface->on_link_change();
  return interface;
}

err_t EthernetInterface::initialise(netif* record) {
  const EthernetInterface& interface = of(*record);
  record->name[0] = 'e';
  record->name[1] = 't';
  record->output = etharp_output;
  record->output_ip6 = ethip6_output;
  const MacAddress address = interface.device_.address();
  record->hwaddr_len = sizeof(address.bytes);
  std::memcpy(record->hwaddr, address.bytes, sizeof(address.bytes));
  const std::uint32_t mtu = interface.device_.mtu();
  record->mtu = static_cast<u16_t>(mtu < kMostMtu ? mtu : kMostMtu);
  record->mtu6 = record->mtu;
  record->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
  u16_t sums = NETIF_CHECKSUM_ENABLE_ALL;
  if (interface.transmit_.leaves_checksums_to_device()) sums &= static_cast<u16_t>(~NETIF_CHECKSUM_GEN_TCP);
  record->chksum_flags = sums;
  record->segmentation = interface.transmit_.segmentation();
  return ERR_OK;
}

void EthernetInterface::bring_up(const char* hostname) {
  netif_add_noaddr(&netif_, this, initialise, ip_input);
  netif_set_hostname(&netif_, hostname);
  if (netif_default == nullptr) netif_set_default(&netif_);
  netif_set_up(&netif_);
}

Result<void> EthernetInterface::set_mtu(unsigned bytes) {
  if (bytes < kLeastMtu || bytes > device_.mtu() || bytes > kMostMtu) return Errno::kEINVAL;
  netif_.mtu = static_cast<u16_t>(bytes);
  netif_.mtu6 = netif_.mtu;
  return {};
}

void EthernetInterface::on_packets(std::size_t queue) {
  // Release: pairs with the thread's exchange, and the wake follows.
  queues_with_packets_.fetch_or(std::uint64_t{1} << queue, std::memory_order_release);
  wake_network_thread();
}

void EthernetInterface::on_link_change() {
  link_changed_.store(true, std::memory_order_release);
  wake_network_thread();
}

void EthernetInterface::apply_link_state() {
  const bool up = device_.link_up();
  if (up == (netif_is_link_up(&netif_) != 0)) return;
  LOG_INFO("%s: link is %s", name_, up ? "up" : "down");
  if (up) netif_set_link_up(&netif_);
  else netif_set_link_down(&netif_);
}

bool EthernetInterface::serve() {
  if (link_changed_.load(std::memory_order_relaxed) && link_changed_.exchange(false, std::memory_order_acquire)) {
    const NetCoreGuard core;
    apply_link_state();
  }
  if (queues_with_packets_.load(std::memory_order_relaxed) == 0) return false;
  std::uint64_t queues = queues_with_packets_.exchange(0, std::memory_order_acquire);
  std::uint64_t unfinished = 0;
  for (; queues != 0; queues &= queues - 1) {
    const auto queue = static_cast<std::size_t>(std::countr_zero(queues));
    if (serve_queue(queue)) unfinished |= std::uint64_t{1} << queue;
  }
  queues_with_packets_.fetch_or(unfinished, std::memory_order_relaxed);
  return unfinished != 0;
}

bool EthernetInterface::serve_queue(std::size_t queue) {
  NetBuffer* packets[kBatch];
  const std::size_t count = device_.poll(queue, packets);
  {
    const NetCoreGuard core;
    for (std::size_t i = 0; i < count; ++i) receive(*packets[i]);
    transmit_.resume();  // the interrupt may also have said that there is room
  }
  return count == kBatch || !device_.rearm(queue);
}

void EthernetInterface::reclaim() { device_.reclaim(0); }

void EthernetInterface::receive(NetBuffer& packet) {
  std::size_t size = 0;
  for (const NetBuffer* piece = &packet; piece != nullptr; piece = piece->next) size += piece->size;
  eth_hdr ethernet;
  if (packet.size <= kEthernetHeader || size - kEthernetHeader > SegmentMerge::kMaxPacket) {
    ++received_.dropped;
    device_.release(&packet);
    return;
  }
  std::memcpy(&ethernet, packet.data, sizeof(ethernet));
  ++received_.packets;
  received_.bytes += size;
  // A bridge that does not know us yet floods; such packets are nobody's business here.
  if (!is_multicast(ethernet.dest) && std::memcmp(&ethernet.dest, netif_.hwaddr, sizeof(ethernet.dest)) != 0) {
    device_.release(&packet);
    return;
  }
  // Either the device has seen that the sum is right, or the packet never left the host and has none.
  const bool trusted = packet.offload.checksum_valid || packet.offload.needs_checksum;
  constexpr u16_t kTransportSums = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
  netif_.chksum_flags = static_cast<u16_t>(trusted ? netif_.chksum_flags & ~kTransportSums : netif_.chksum_flags | kTransportSums);

  pbuf* buffers = wrap_received(packet, kEthernetHeader);
  buffers->flags |= link_flags(ethernet.dest);
  buffers->if_idx = netif_get_index(&netif_);
  switch (ethernet.type) {
    case PP_HTONS(ETHTYPE_IP):
      ip4_input(buffers, &netif_);
      return;
    case PP_HTONS(ETHTYPE_IPV6):
      ip6_input(buffers, &netif_);
      return;
    case PP_HTONS(ETHTYPE_ARP):
      note_arp(*this, buffers);
      etharp_input(buffers, &netif_);
      return;
    default:
      ++received_.dropped;
      pbuf_free(buffers);
  }
}

bool EthernetInterface::continue_segments(tcp_seg& segment, const tcp_pcb& pcb) {
  const bool ipv6 = IP_IS_V6_VAL(pcb.remote_ip) != 0;
  std::uint32_t addresses[8];
  const std::size_t words = ipv6 ? 4 : 1;
  for (std::size_t i = 0; i < words; ++i) {
    addresses[i] = ipv6 ? ip_2_ip6(&pcb.local_ip)->addr[i] : ip_2_ip4(&pcb.local_ip)->addr;
    addresses[words + i] = ipv6 ? ip_2_ip6(&pcb.remote_ip)->addr[i] : ip_2_ip4(&pcb.remote_ip)->addr;
  }
  if (!transmit_.continue_segments(segment.p, std::as_bytes(std::span(addresses, 2 * words)))) return false;
  // What IP would have done: the device numbers IPv4 packets on from the first one.
  const u16_t size = segment.p->segment_size;
  const auto packets = static_cast<u16_t>(size != 0 ? (segment.len + size - 1) / size : 1);
  pbuf_add_header(segment.p, ipv6 ? IP6_HLEN : IP_HLEN);
  if (ipv6) {
    IP6_STATS_INC(ip6.xmit);
    return true;
  }
  ip4_take_ids(packets);
  MIB2_STATS_INC(mib2.ipoutrequests);
  IP_STATS_INC(ip.xmit);
  return true;
}

}  // namespace mokapot

// What lwIP's own Ethernet layer (netif/ethernet.c) would define.
extern "C" {

constinit const eth_addr ethbroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constinit const eth_addr ethzero = {{0, 0, 0, 0, 0, 0}};

// lwIP calls it with the core lock held.
err_t ethernet_output(netif* record, pbuf* packet, const eth_addr* from, const eth_addr* to, u16_t type)
    NO_THREAD_SAFETY_ANALYSIS {
  eth_hdr header;
  header.dest = *to;
  header.src = *from;
  header.type = lwip_htons(type);
  std::byte bytes[mokapot::kEthernetHeader];
  static_assert(sizeof(bytes) == sizeof(header));
  std::memcpy(bytes, &header, sizeof(bytes));
  const auto sent = mokapot::EthernetInterface::of(*record).transmit_path().send(bytes, packet);
  return sent.ok() ? ERR_OK : ERR_MEM;
}

// As above.
int mokapot_tcp_continues(tcp_seg* segment, const tcp_pcb* pcb, const netif* record) NO_THREAD_SAFETY_ANALYSIS {
  for (std::size_t i = 0; mokapot::EthernetInterface* interface = mokapot::ethernet_interface(i); ++i)
    if (&interface->record() == record) return interface->continue_segments(*segment, *pcb) ? 1 : 0;
  return 0;
}

}  // extern "C"
