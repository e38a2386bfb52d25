// SPDX-License-Identifier: Apache-2.0
//
// Internet addresses of both families in one form: 16 bytes, an IPv4 address as ::ffff:a.b.c.d (RFC 4291). With it
// a dual-stack socket needs no second case anywhere. Plain data; any context.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/result.h"
#include "io/socket.h"

namespace mokapot {

struct InetAddress {
  std::uint8_t bytes[16] = {};

  // The four bytes as they travel, in memory order.
  static InetAddress from_v4(const void* four_bytes) {
    InetAddress address;
    address.bytes[10] = address.bytes[11] = 0xff;
    std::memcpy(address.bytes + 12, four_bytes, 4);
    return address;
  }
  static InetAddress from_v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    const std::uint8_t four[4] = {a, b, c, d};
    return from_v4(four);
  }
  static InetAddress from_v6(const void* sixteen_bytes) {
    InetAddress address;
    std::memcpy(address.bytes, sixteen_bytes, 16);
    return address;
  }
  static InetAddress any(int family) { return family == kFamilyIpv4 ? from_v4(0, 0, 0, 0) : InetAddress(); }
  static InetAddress loopback(int family) {
    if (family == kFamilyIpv4) return from_v4(127, 0, 0, 1);
    InetAddress address;
    address.bytes[15] = 1;
    return address;
  }

  bool is_v4() const;
  bool is_any() const;  // of either family
  bool is_loopback() const;
  bool is_multicast() const;
  bool is_broadcast() const { return is_v4() && (bytes[12] & bytes[13] & bytes[14] & bytes[15]) == 0xff; }
  bool is_link_local() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  // Of IPv6, and every card may have it.
  bool needs_scope() const { return is_link_local() || (bytes[0] == 0xff && ((bytes[1] & 0xf) == 1 || (bytes[1] & 0xf) == 2)); }
  int family() const { return is_v4() ? kFamilyIpv4 : kFamilyIpv6; }
  std::uint32_t v4() const {  // as it travels
    std::uint32_t four = 0;
    std::memcpy(&four, bytes + 12, 4);
    return four;
  }

  friend bool operator==(const InetAddress& a, const InetAddress& b) { return std::memcmp(a.bytes, b.bytes, 16) == 0; }
};

struct InetEndpoint {
  InetAddress address;
  std::uint16_t port = 0;
  std::uint32_t scope = 0;  // an interface's index, for link-local addresses

  friend bool operator==(const InetEndpoint& a, const InetEndpoint& b) {
    return a.port == b.port && a.address == b.address;
  }
};

// What a wildcard or other bound address takes in: whether packets to `to` are for a socket bound to `bound`.
enum class V6Only : std::uint8_t { kNo, kYes };
bool address_covers(const InetAddress& bound, V6Only v6_only, const InetAddress& to);

// sockaddr_in and sockaddr_in6.
inline constexpr std::size_t kSockaddrIpv4Size = 16, kSockaddrIpv6Size = 28, kSockaddrIpv6Least = 24;

// An address that an application gave to a socket of `family`. kEINVAL if it is too short, kEAFNOSUPPORT.
Result<InetEndpoint> parse_inet_address(const SocketAddress& address, int family);
// As a socket of `family` shows it; an IPv4 address in an AF_INET6 socket is v4-mapped.
SocketAddress to_socket_address(const InetEndpoint& endpoint, int family);

// Text as inet_ntop writes it. At most 46 bytes with the NUL; returns the length.
inline constexpr std::size_t kInetAddressText = 46;
std::size_t format_inet_address(const InetAddress& address, char* buffer, std::size_t size);

}  // namespace mokapot
