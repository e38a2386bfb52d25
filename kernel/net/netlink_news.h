// SPDX-License-Identifier: Apache-2.0
//
// What netlink's groups are told: that a link went up or down, that an address came or went. lwIP says that something has
// changed; the network thread compares what there is with what was told last, and tells the difference.
#pragma once

#include <cstdint>
#include <span>

namespace mokapot {

// Groups as sockaddr_nl has them (RTMGRP_).
inline constexpr std::uint32_t kLinkGroup = 1, kIpv4AddressGroup = 0x10, kIpv6AddressGroup = 0x100;

void note_interface_change();  // any context
void tell_interface_news();    // the network thread, without the core lock

// Hands a message to every socket that is in the group (netlink_socket.cc).
void tell_netlink_group(std::uint32_t group, std::span<const std::uint8_t> message);

}  // namespace mokapot
