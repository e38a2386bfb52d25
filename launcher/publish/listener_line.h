// SPDX-License-Identifier: Apache-2.0
//
// What the guest says of its listeners: "tcp 0.0.0.0 8080" (contract/vm_contract.h, kGuestListen).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/ip_address.h"

namespace moka {

struct GuestListener {
  Protocol protocol = Protocol::kTcp;
  std::optional<IpAddress> address;  // nothing: all of both families
  std::uint16_t port = 0;

  bool is_loopback() const { return address && address->is_loopback(); }
  // Whether IPv4 packets reach it.
  bool answers_v4() const { return !address || address->is_v4(); }

  auto operator<=>(const GuestListener&) const = default;
};

// Nothing where the text makes no sense.
std::optional<GuestListener> parse_listener(std::string_view text);

}  // namespace moka
