// SPDX-License-Identifier: Apache-2.0
//
// Ports of the host: whether one can be had, and sockets that have one.
#pragma once

#include <sys/types.h>

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

// Lets the listener that process `owner` has at this IPv4 address and port keep as many connections
// waiting as the host permits. QEMU asks for one: of some more that come together the host's kernel
// then drops the first bytes, without a word to either side, and their clients wait for
// retransmissions, minutes of them. Nothing changes where the host does not let this process at the
// descriptors of `owner`, which must be a child of it.
void lengthen_backlog(pid_t owner, const IpAddress& address, std::uint16_t port);

// "8080 is taken on 127.0.0.1" and its kin, for messages.
std::string describe(PortState state, const IpAddress& address, std::uint16_t port);

}  // namespace moka
