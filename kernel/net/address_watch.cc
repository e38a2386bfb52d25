// SPDX-License-Identifier: Apache-2.0
#include "net/address_watch.h"

#include <atomic>
#include <cstring>

#include "base/format.h"
#include "net/netlink_news.h"
#include "trace/log.h"

#include "lwip/dhcp.h"
#include "lwip/ip6_addr.h"
#include "lwip/netif.h"
#include "lwip/prot/etharp.h"
#include "netif/ethernet.h"

namespace mokapot {
namespace {

using Text = TextBuffer<160>;
constexpr std::size_t kMostNews = 4;

struct Watch {
  bool started = false;
  void (*warn)(const char* text) = nullptr;
  netif_ext_callback_t callback{};
  Text news[kMostNews];  // what is to be said outside the lock
  std::size_t count = 0;
  ip4_addr_t disputed{};  // another machine has it, which was said
};
constinit Watch watch GUARDED_BY(net_core_lock());
constinit std::atomic<bool> news_noted{false};  // a note only: what it tells of is under the core lock

// More at a time than there is room for are dropped: they are for a person to read.
Text* next_news() REQUIRES(net_core_lock()) {
  if (watch.count == kMostNews) return nullptr;
  Text& text = watch.news[watch.count++];
  text = Text();
  news_noted.store(true, std::memory_order_release);
  return &text;
}

const char* name_of(netif& record) { return EthernetInterface::of(record).name(); }

// Who has the address? From nobody, so that no cache learns it (RFC 5227, 2.1.1).
void probe(netif& record) REQUIRES(net_core_lock()) {
  if (ip4_addr_isany_val(*netif_ip4_addr(&record)) || !netif_is_link_up(&record)) return;
  pbuf* packet = pbuf_alloc(PBUF_LINK, SIZEOF_ETHARP_HDR, PBUF_RAM);
  if (packet == nullptr) return;
  etharp_hdr message{};
  message.hwtype = PP_HTONS(1);
  message.proto = PP_HTONS(ETHTYPE_IP);
  message.hwlen = ETH_HWADDR_LEN;
  message.protolen = sizeof(ip4_addr_t);
  message.opcode = PP_HTONS(ARP_REQUEST);
  std::memcpy(&message.shwaddr, record.hwaddr, ETH_HWADDR_LEN);
  std::memcpy(&message.dipaddr, netif_ip4_addr(&record), sizeof(ip4_addr_t));
  std::memcpy(packet->payload, &message, sizeof(message));
  eth_addr from;
  std::memcpy(&from, record.hwaddr, sizeof(from));
  ethernet_output(&record, packet, &from, &ethbroadcast, ETHTYPE_ARP);
  pbuf_free(packet);
}

void note_ipv4_change(netif& record, const ip_addr_t& old) REQUIRES(net_core_lock()) {
  ip4_addr_set_zero(&watch.disputed);
  if (!ip4_addr_isany_val(*netif_ip4_addr(&record))) return probe(record);
  if (ip_addr_isany(&old) || netif_dhcp_data(&record) == nullptr) return;
  char address[IP4ADDR_STRLEN_MAX];
  ip4addr_ntoa_r(ip_2_ip4(&old), address, sizeof(address));
  if (Text* text = next_news())
    text->append("%s: the lease of %s has ended; asking DHCP servers for an address", name_of(record), address);
}

void note_ipv6_change(netif& record, s8_t index) REQUIRES(net_core_lock()) {
  if (!ip6_addr_isduplicated(netif_ip6_addr_state(&record, index))) return;
  char address[IP6ADDR_STRLEN_MAX];
  ip6addr_ntoa_r(netif_ip6_addr(&record, index), address, sizeof(address));
  for (char* c = address; *c != '\0'; ++c)
    if (*c >= 'A' && *c <= 'F') *c = static_cast<char>(*c - 'A' + 'a');  // RFC 5952
  if (Text* text = next_news())
    text->append("%s: %s is in use by another machine; it is not used here", name_of(record), address);
}

// lwIP calls it with the core lock held.
void on_change(netif* record, netif_nsc_reason_t reason, const netif_ext_callback_args_t* details) NO_THREAD_SAFETY_ANALYSIS {
  note_interface_change();
  if ((record->flags & NETIF_FLAG_ETHERNET) == 0) return;
  if ((reason & LWIP_NSC_IPV4_ADDRESS_CHANGED) != 0) note_ipv4_change(*record, *details->ipv4_changed.old_address);
  if ((reason & LWIP_NSC_LINK_CHANGED) != 0) probe(*record);
  if ((reason & LWIP_NSC_IPV6_ADDR_STATE_CHANGED) != 0) note_ipv6_change(*record, details->ipv6_addr_state_changed.addr_index);
}

}  // namespace

void watch_addresses(void (*warn)(const char* text)) {
  if (watch.started) return;  // for another interface: lwIP's list of callbacks is for all of them
  watch.started = true;
  watch.warn = warn;
  netif_add_ext_callback(&watch.callback, on_change);
}

void note_arp(EthernetInterface& interface, const pbuf* packet) {
  etharp_hdr message;
  if (pbuf_copy_partial(packet, &message, sizeof(message), 0) != sizeof(message)) return;
  netif& record = interface.record();
  ip4_addr_t sender;
  std::memcpy(&sender, &message.sipaddr, sizeof(sender));
  if (message.proto != PP_HTONS(ETHTYPE_IP) || message.hwlen != ETH_HWADDR_LEN || ip4_addr_isany_val(sender) ||
      !ip4_addr_cmp(&sender, netif_ip4_addr(&record)) || ip4_addr_cmp(&sender, &watch.disputed) ||
      std::memcmp(&message.shwaddr, record.hwaddr, ETH_HWADDR_LEN) == 0)
    return;
  ip4_addr_copy(watch.disputed, sender);
  char address[IP4ADDR_STRLEN_MAX];
  ip4addr_ntoa_r(&sender, address, sizeof(address));
  const u8_t* b = message.shwaddr.addr;
  if (Text* text = next_news())
    text->append("%s: %s is in use by another machine, %02x:%02x:%02x:%02x:%02x:%02x", interface.name(), address, b[0], b[1],
                 b[2], b[3], b[4], b[5]);
}

void report_address_news() {
  if (!news_noted.load(std::memory_order_relaxed) || !news_noted.exchange(false, std::memory_order_acquire)) return;
  Text news[kMostNews];
  std::size_t count = 0;
  void (*warn)(const char*) = nullptr;
  {
    const NetCoreGuard core;
    warn = watch.warn;
    count = watch.count;
    for (std::size_t i = 0; i < count; ++i) news[i] = watch.news[i];
    watch.count = 0;
  }
  for (std::size_t i = 0; i < count; ++i) {
    LOG_WARNING("%s", news[i].c_str());
    if (warn != nullptr) warn(news[i].c_str());
  }
}

}  // namespace mokapot
