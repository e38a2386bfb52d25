// SPDX-License-Identifier: Apache-2.0
//
// Ports of the host: whether one can be had, and sockets that have one.
#pragma once

#include <cstdint>

#include "net/ip_address.h"
#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

enum class PortState {
  kFree,
  kTaken,
  kForbidden,  // below 1024, and this process may not have it
  kNoAddress,  // the host has no such address
};

// Whether a listener (TCP) or receiver (UDP) could be put there now: by putting one there for a
// moment. IPv6 sockets take IPv6 only.
PortState probe_port(const IpAddress& address, Protocol protocol, std::uint16_t port);

// A non-blocking TCP socket with that address and port, which does not listen yet.
struct BoundSocket {
  UniqueFd socket;
  PortState state = PortState::kFree;  // why there is none
};
BoundSocket bind_port(const IpAddress& address, Protocol protocol, std::uint16_t port);

// "8080 is taken on 127.0.0.1" and its kin, for messages.
std::string describe(PortState state, const IpAddress& address, std::uint16_t port);

}  // namespace moka
