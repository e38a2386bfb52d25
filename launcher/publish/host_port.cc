// SPDX-License-Identifier: Apache-2.0
#include "publish/host_port.h"

#include <sys/socket.h>

#include <cerrno>

namespace moka {
namespace {

PortState state_of(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return PortState::kForbidden;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENETUNREACH:
      return PortState::kNoAddress;
    default:
      return PortState::kTaken;
  }
}

}  // namespace

BoundSocket bind_port(const IpAddress& address, Protocol protocol, std::uint16_t port) {
  const int kind = protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  UniqueFd socket(
      ::socket(address.is_v4() ? AF_INET : AF_INET6, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {UniqueFd(), state_of(errno)};
  const int on = 1;
  // What QEMU does, too: connections of a server that ended a moment ago are no obstacle. For UDP
  // the option would let two receivers have one port.
  if (protocol == Protocol::kTcp)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.is_v6()) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const SocketAddress place(address, port);
  if (::bind(socket.get(), place.get(), place.size) != 0) return {UniqueFd(), state_of(errno)};
  return {std::move(socket), PortState::kFree};
}

PortState probe_port(const IpAddress& address, Protocol protocol, std::uint16_t port) {
  const BoundSocket bound = bind_port(address, protocol, port);
  if (!bound.socket) return bound.state;
  // Two sockets may share a port until one of them listens.
  if (protocol == Protocol::kTcp && ::listen(bound.socket.get(), 1) != 0) return state_of(errno);
  return PortState::kFree;
}

std::string describe(PortState state, const IpAddress& address, std::uint16_t port) {
  const std::string number = std::to_string(port);
  switch (state) {
    case PortState::kForbidden:
      return number + " needs privilege on this host";
    case PortState::kNoAddress:
      return "this host has no address " + address.text();
    case PortState::kTaken:
      return number + " is taken on " + address.text();
    case PortState::kFree:
      break;
  }
  return number + " is free";
}

}  // namespace moka
