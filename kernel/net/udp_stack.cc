// SPDX-License-Identifier: Apache-2.0
#include "net/udp_stack.h"

#include "base/global.h"
#include "net/lwip_address.h"

#include "lwip/ip.h"
#include "lwip/udp.h"

namespace mokapot {
namespace {

using PortList = IntrusiveList<StackUdpPort, &StackUdpPort::list_hook>;
constinit Global<PortList> ports;
constinit udp_pcb* sender GUARDED_BY(net_core_lock()) = nullptr;

std::uint8_t header_time_to_live() {
  return ip_current_is_v6() ? IP6H_HOPLIM(ip6_current_header()) : IPH_TTL(ip4_current_header());
}
std::uint8_t header_type_of_service() {
  return ip_current_is_v6() ? IP6H_TC(ip6_current_header()) : IPH_TOS(ip4_current_header());
}

// lwIP calls it with the core lock held.
void on_received(void*, udp_pcb* pcb, pbuf* data, const ip_addr_t* from, u16_t port) NO_THREAD_SAFETY_ANALYSIS {
  DatagramEnvelope envelope;
  envelope.from = {from_lwip(*from), port, scope_of(*from)};
  envelope.to = {from_lwip(*ip_current_dest_addr()), pcb->local_port, 0};
  envelope.interface = netif_get_index(ip_current_input_netif());
  envelope.time_to_live = header_time_to_live();
  envelope.type_of_service = header_type_of_service();
  deliver_datagram(envelope, data);
  pbuf_free(data);
}

}  // namespace

void StackUdpPort::initialise() { ports.construct(); }

Result<RefPtr<StackUdpPort>> StackUdpPort::open(std::uint16_t port) {
  RefPtr<StackUdpPort> made = TRY(make_ref<StackUdpPort>(port));
  const NetCoreGuard core;
  for (StackUdpPort& known : *ports) {
    if (known.port_ != port) continue;
    if (known.try_add_reference()) return RefPtr<StackUdpPort>::adopt(&known);
    known.end();  // it dies, and waits for the core lock to do it
    break;
  }
  udp_pcb* pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb == nullptr) return Errno::kENOBUFS;
  ip_set_option(pcb, SOF_BROADCAST);
  const err_t error = udp_bind(pcb, IP_ANY_TYPE, port);
  if (error != ERR_OK) {
    udp_remove(pcb);
    return errno_of(error);
  }
  udp_recv(pcb, &on_received, nullptr);
  made->pcb_ = pcb;
  ports->push_back(*made);
  return made;
}

void StackUdpPort::end() {
  if (pcb_ == nullptr) return;
  ports->erase(ports->iterator_to(*this));
  udp_remove(std::exchange(pcb_, nullptr));
}

StackUdpPort::~StackUdpPort() {
  const NetCoreGuard core;
  end();
}

Result<void> send_datagram(const InetEndpoint& from, const InetEndpoint& to, const DatagramSettings& settings, pbuf* data) {
  const NetCoreGuard core;
  if (sender == nullptr) sender = udp_new_ip_type(IPADDR_TYPE_ANY);
  if (sender == nullptr) return Errno::kENOBUFS;
  ip_set_option(sender, SOF_BROADCAST);  // the socket has checked its own
  sender->local_port = from.port;
  sender->ttl = sender->mcast_ttl = settings.time_to_live;
  sender->tos = settings.type_of_service;
  const ip_addr_t source = to_lwip(from.address, from.scope), target = to_lwip(to.address, to.scope);
  netif* interface = settings.interface != 0 ? netif_get_by_index(static_cast<u8_t>(settings.interface))
                                             : ip_route(&source, &target);
  if (interface == nullptr) return Errno::kENETUNREACH;
  // lwIP writes headers into the buffer. One that receivers in this machine hold, too, gets them in a buffer before it.
  const bool is_shared = __atomic_load_n(&data->ref, __ATOMIC_RELAXED) > 1;
  pbuf* const whole = is_shared ? pbuf_alloc(PBUF_TRANSPORT, 0, PBUF_RAM) : data;
  if (whole == nullptr) return Errno::kENOBUFS;
  if (is_shared) pbuf_chain(whole, data);
  const err_t error = udp_sendto_if_src(sender, whole, &target, to.port, interface, &source);
  if (is_shared) pbuf_free(whole);
  return error == ERR_OK ? Result<void>() : errno_of(error);
}

}  // namespace mokapot
