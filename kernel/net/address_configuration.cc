// SPDX-License-Identifier: Apache-2.0
#include "net/address_configuration.h"

#include <atomic>
#include <cstring>

#include "base/format.h"
#include "base/global.h"
#include "net/address_text.h"
#include "net/address_watch.h"
#include "net/network_thread.h"
#include "net/resolver_settings.h"
#include "sched/wait_queue.h"
#include "time/clock.h"
#include "trace/log.h"

#include "lwip/dhcp.h"
#include "lwip/ip6_addr.h"
#include "lwip/netif.h"
#include "lwip/prot/dhcp.h"

namespace mokapot {
namespace {

// Longer than a server that answers needs, shorter than a user's patience: who waits for the network goes on then.
constexpr Duration kPatience = Duration::seconds(4);

enum class State : std::uint8_t { kWaiting, kConfigured, kGivenUp };

struct Configuration {
  std::atomic<State> state{State::kWaiting};
  WaitQueue settled;
  Instant give_up_at = Instant::never();  // const after boot
  void (*warn)(const char* text) = nullptr;
  EthernetInterface* first = nullptr;
  std::uint16_t offered_mtu GUARDED_BY(net_core_lock()) = 0;
};
constinit Global<Configuration> configuration;

void settle(State state) {
  configuration->state.store(state, std::memory_order_release);
  configuration->settled.wake_all();
}

void log_addresses(EthernetInterface& interface) REQUIRES(net_core_lock()) {
  const netif& record = interface.record();
  char address[IP4ADDR_STRLEN_MAX], gateway[IP4ADDR_STRLEN_MAX];
  ip4addr_ntoa_r(netif_ip4_addr(&record), address, sizeof(address));
  ip4addr_ntoa_r(netif_ip4_gw(&record), gateway, sizeof(gateway));
  LOG_INFO("%s: %s/%u, gateway %s, MTU %u", interface.name(), address, prefix_of_netmask(*netif_ip4_netmask(&record)),
           gateway, record.mtu);
}

Result<void> add_ipv6(netif& record, const AddressWithPrefix& wanted) REQUIRES(net_core_lock()) {
  s8_t index = -1;
  if (netif_add_ip6_address(&record, ip_2_ip6(&wanted.address), &index) != ERR_OK) return Errno::kENOSPC;
  netif_ip6_addr_set_state(&record, index, IP6_ADDR_TENTATIVE);
  return {};
}

struct Parsed {
  Vector<AddressWithPrefix> addresses;
  ip4_addr_t gateway{};
};

Result<Parsed> parse(const NetworkSettings& settings, std::string_view& bad) {
  Parsed parsed;
  for (const std::string_view text : settings.addresses) {
    bad = text;
    TRY(parsed.addresses.push_back(TRY(parse_interface_address(text))));
  }
  for (const std::string_view text : settings.gateways) {
    bad = text;
    const ip_addr_t gateway = TRY(parse_address(text));
    if (IP_IS_V4_VAL(gateway)) parsed.gateway = *ip_2_ip4(&gateway);
  }
  for (const std::string_view text : settings.name_servers) {
    bad = text;
    TRY(add_name_server(TRY(parse_address(text)), NameServerSource::kCommandLine));
  }
  bad = {};
  return parsed;
}

}  // namespace

Result<void> configure_addresses(EthernetInterface& interface, const NetworkSettings& settings, std::string_view& bad) {
  const bool first = !configuration.constructed();
  if (first) {
    configuration.construct();
    configuration->first = &interface;
    configuration->warn = settings.warn;
    configuration->give_up_at = now() + kPatience;
  }
  Parsed parsed;
  if (first) parsed = TRY(parse(settings, bad));

  const NetCoreGuard core;
  watch_addresses(settings.warn);
  netif& record = interface.record();
  netif_create_ip6_linklocal_address(&record, 1);
  netif_set_ip6_autoconfig_enabled(&record, 1);
  bool has_ipv4 = false;
  for (const AddressWithPrefix& wanted : parsed.addresses) {
    if (IP_IS_V6_VAL(wanted.address)) {
      TRY(add_ipv6(record, wanted));
      continue;
    }
    const ip4_addr_t mask = netmask_of_prefix(wanted.prefix);
    netif_set_addr(&record, ip_2_ip4(&wanted.address), &mask, &parsed.gateway);
    has_ipv4 = true;
  }
  if (!has_ipv4 && dhcp_start(&record) != ERR_OK) return Errno::kENOMEM;
  return {};
}

void settle_without_interfaces() {
  configuration.construct();
  configuration->state.store(State::kConfigured, std::memory_order_release);
}

Instant check_address_configuration() {
  if (!configuration.constructed()) return Instant::never();
  const State state = configuration->state.load(std::memory_order_relaxed);
  if (state == State::kConfigured) return Instant::never();
  {
    const NetCoreGuard core;
    EthernetInterface& interface = *configuration->first;
    if (!ip4_addr_isany_val(*netif_ip4_addr(&interface.record())) && netif_is_link_up(&interface.record())) {
      if (configuration->offered_mtu != 0 && !interface.set_mtu(configuration->offered_mtu).ok())
        LOG_WARNING("%s: the DHCP server offers an MTU of %u, which does not fit", interface.name(), configuration->offered_mtu);
      log_addresses(interface);
      settle(State::kConfigured);
      return Instant::never();
    }
  }
  if (state == State::kGivenUp) return Instant::never();
  if (now() < configuration->give_up_at) return configuration->give_up_at;
  settle(State::kGivenUp);
  TextBuffer<120> text;
  text.append("%s: no DHCP server has answered in %ld s; going on without an IPv4 address", configuration->first->name(),
              kPatience.nanoseconds() / 1'000'000'000);
  LOG_WARNING("%s", text.c_str());
  if (configuration->warn != nullptr) configuration->warn(text.c_str());
  return Instant::never();
}

bool network_settled() {
  return configuration.constructed() && configuration->state.load(std::memory_order_acquire) != State::kWaiting;
}

Result<void> wait_for_network(Interruptible interruptible) {
  if (network_settled() || !configuration.constructed()) return {};
  const WakeReason reason = wait_until(configuration->settled, Instant::never(), interruptible, network_settled);
  if (reason == WakeReason::kInterrupted) return Errno::kEINTR;
  return {};
}

}  // namespace mokapot

using namespace mokapot;

// lwIP calls it with the core lock held, from the network thread, for each message of a server.
extern "C" void mokapot_dhcp_option(netif* record, u8_t message_type, u8_t option, u8_t length, const pbuf* packet,
                                    u16_t offset) NO_THREAD_SAFETY_ANALYSIS {
  if (message_type != DHCP_ACK) return;
  std::uint8_t value[255];
  if (pbuf_copy_partial(packet, value, length, offset) != length) return;
  constexpr u8_t kNameServers = 6, kDomain = 15, kInterfaceMtu = 26;
  const bool first = configuration.constructed() && &EthernetInterface::of(*record) == configuration->first;
  if (!first) return;
  if (option == kNameServers) replace_leased_name_servers({value, length});
  if (option == kDomain) set_leased_domain({reinterpret_cast<const char*>(value), length});  // SAFETY: bytes as text
  if (option == kInterfaceMtu && length == 2) configuration->offered_mtu = static_cast<std::uint16_t>(value[0] << 8 | value[1]);
}
