// SPDX-License-Identifier: Apache-2.0
#include "publish/host_port.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

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

// glibc has names for these two only since 2.36.
UniqueFd open_process(pid_t process) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
}
UniqueFd borrow_descriptor(const UniqueFd& process, int number) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
}

bool is_listener_at(int socket, const SocketAddress& place) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0)
    return false;
  sockaddr_storage own{};
  size = sizeof own;
  // SAFETY: a sockaddr_storage is what any kind of socket address may be written to.
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) return false;
  return size == place.size && std::memcmp(&own, place.get(), size) == 0;
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

void lengthen_backlog(pid_t owner, const IpAddress& address, std::uint16_t port) {
  const UniqueFd process = open_process(owner);
  if (!process) return;
  const SocketAddress place(address, port);
  std::error_code error;
  const std::string folder = "/proc/" + std::to_string(owner) + "/fd";
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    const UniqueFd socket = borrow_descriptor(process, number);
    // The kernel takes less than this where its own limit (net.core.somaxconn) is lower.
    if (socket && is_listener_at(socket.get(), place)) ::listen(socket.get(), SOMAXCONN);
  }
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
