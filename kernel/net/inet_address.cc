// SPDX-License-Identifier: Apache-2.0
#include "net/inet_address.h"

#include "base/format.h"

namespace mokapot {
namespace {

constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::uint16_t swap16(std::uint16_t value) { return __builtin_bswap16(value); }

}  // namespace

bool InetAddress::is_v4() const { return std::memcmp(bytes, kMappedPrefix, sizeof(kMappedPrefix)) == 0; }

bool InetAddress::is_any() const { return *this == InetAddress() || (is_v4() && v4() == 0); }

bool InetAddress::is_loopback() const {
  return is_v4() ? bytes[12] == 127 : *this == InetAddress::loopback(kFamilyIpv6);
}

bool InetAddress::is_multicast() const { return is_v4() ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff; }

bool address_covers(const InetAddress& bound, V6Only v6_only, const InetAddress& to) {
  if (!bound.is_any()) return bound == to;
  if (bound.is_v4()) return to.is_v4();
  return !to.is_v4() || v6_only == V6Only::kNo;
}

Result<InetEndpoint> parse_inet_address(const SocketAddress& address, int family) {
  InetEndpoint endpoint;
  if (address.size < 2) return Errno::kEINVAL;
  std::memcpy(&endpoint.port, address.bytes + 2, 2);
  endpoint.port = swap16(endpoint.port);
  if (family == kFamilyIpv4) {
    if (address.size < kSockaddrIpv4Size) return Errno::kEINVAL;
    if (address.family() != kFamilyIpv4) return Errno::kEAFNOSUPPORT;
    endpoint.address = InetAddress::from_v4(address.bytes + 4);
    return endpoint;
  }
  if (address.size < kSockaddrIpv6Least) return Errno::kEINVAL;
  if (address.family() != kFamilyIpv6) return Errno::kEAFNOSUPPORT;
  endpoint.address = InetAddress::from_v6(address.bytes + 8);
  if (address.size >= kSockaddrIpv6Size && endpoint.address.family() == kFamilyIpv6) {
    std::memcpy(&endpoint.scope, address.bytes + 24, 4);
  }
  return endpoint;
}

SocketAddress to_socket_address(const InetEndpoint& endpoint, int family) {
  SocketAddress address;
  address.bytes[0] = static_cast<std::uint8_t>(family);
  const std::uint16_t port = swap16(endpoint.port);
  std::memcpy(address.bytes + 2, &port, 2);
  if (family == kFamilyIpv4) {
    std::memcpy(address.bytes + 4, endpoint.address.bytes + 12, 4);
    address.size = kSockaddrIpv4Size;
    return address;
  }
  std::memcpy(address.bytes + 8, endpoint.address.bytes, 16);
  if (endpoint.address.is_link_local()) std::memcpy(address.bytes + 24, &endpoint.scope, 4);
  address.size = kSockaddrIpv6Size;
  return address;
}

std::size_t format_inet_address(const InetAddress& address, char* buffer, std::size_t size) {
  const std::uint8_t* b = address.bytes;
  if (address.is_v4()) return format_to(buffer, size, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
  std::uint16_t words[8];
  for (int i = 0; i < 8; ++i) words[i] = static_cast<std::uint16_t>(b[2 * i] << 8 | b[2 * i + 1]);
  // The longest run of at least two zero words becomes "::", the first of equals.
  int best = -1, best_length = 1;
  for (int i = 0; i < 8; ++i) {
    int length = 0;
    while (i + length < 8 && words[i + length] == 0) ++length;
    if (length > best_length) best = i, best_length = length;
  }
  TextBuffer<kInetAddressText> text;
  for (int i = 0; i < 8; ++i) {
    if (i == best) {
      text.append("::");
      i += best_length - 1;
      continue;
    }
    text.append(i == 0 || i == best + best_length ? "%x" : ":%x", words[i]);
  }
  return format_to(buffer, size, "%.*s", static_cast<int>(text.view().size()), text.view().data());
}

}  // namespace mokapot
