// SPDX-License-Identifier: Apache-2.0
#include "net/netlink_news.h"

#include <algorithm>
#include <atomic>

#include "net/interfaces.h"
#include "net/netlink_message.h"

namespace mokapot {
namespace {

constinit std::atomic<bool> changed{false};

// What was told last; the network thread's.
struct Known {
  Interface interfaces[kMostInterfaces];
  std::size_t count = 0;
};
constinit Known known;

template <typename Write>
void tell(std::uint32_t group, Write write) {
  NetlinkWriter writer(0, 0);
  write(writer);
  if (writer.ok()) tell_netlink_group(group, writer.bytes());
}

bool has(const Interface& interface, const InterfaceAddress& address) {
  return std::any_of(interface.addresses, interface.addresses + interface.address_count, [&](const InterfaceAddress& one) {
    return one.address == address.address && one.prefix == address.prefix && one.flags == address.flags;
  });
}

void tell_addresses(const Interface& of, const Interface& other, NetlinkChange change) {
  for (std::size_t i = 0; i < of.address_count; ++i) {
    const InterfaceAddress& address = of.addresses[i];
    if (has(other, address)) continue;
    const std::uint32_t group = address.address.is_v4() ? kIpv4AddressGroup : kIpv6AddressGroup;
    tell(group, [&](NetlinkWriter& to) { write_address_news(to, of, address, change); });
  }
}

}  // namespace

void note_interface_change() { changed.store(true, std::memory_order_release); }

void tell_interface_news() {
  if (!changed.load(std::memory_order_relaxed) || !changed.exchange(false, std::memory_order_acquire)) return;
  Interface now[kMostInterfaces];
  const std::size_t count = list_interfaces(now);
  const Interface none;
  for (std::size_t i = 0; i < count; ++i) {
    // Interfaces come at boot and stay.
    const Interface& before = i < known.count ? known.interfaces[i] : none;
    if (before.flags != now[i].flags || before.mtu != now[i].mtu)
      tell(kLinkGroup, [&](NetlinkWriter& to) { write_link_news(to, now[i]); });
    tell_addresses(before, now[i], NetlinkChange::kGone);
    tell_addresses(now[i], before, NetlinkChange::kNew);
  }
  std::copy(now, now + count, known.interfaces);
  known.count = count;
}

}  // namespace mokapot
