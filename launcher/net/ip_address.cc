// SPDX-License-Identifier: Apache-2.0
#include "net/ip_address.h"
#include "support/numbers.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace moka {
namespace {

constexpr std::size_t kV4Bytes = 4;
constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::uint8_t kV4LoopbackNet = 127;

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  IpAddress address;
  if (terminated.find('\0') != std::string::npos) return {};
  if (::inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) return address;
  address.family_ = Family::kV6;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) return address;
  return {};
}

IpAddress IpAddress::v4_loopback() {
  IpAddress address;
  address.bytes_ = {kV4LoopbackNet, 0, 0, 1};
  return address;
}

IpAddress IpAddress::v6_loopback() {
  IpAddress address = any(Family::kV6);
  address.bytes_.back() = 1;
  return address;
}

IpAddress IpAddress::any(Family family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == kV4LoopbackNet;
  if (std::equal(std::begin(kMappedPrefix), std::end(kMappedPrefix), bytes_.begin()))
    return bytes_[std::size(kMappedPrefix)] == kV4LoopbackNet;
  return *this == v6_loopback();
}

bool IpAddress::is_any() const { return *this == any(family_); }

std::string IpAddress::text() const {
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
}

std::string endpoint_text(const IpAddress& address, std::uint16_t port) {
  const std::string host = address.is_v6() ? "[" + address.text() + "]" : address.text();
  return host + ":" + std::to_string(port);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<std::uint16_t>(text);
  return port == std::uint16_t{0} ? std::nullopt : port;
}

SocketAddress::SocketAddress(const IpAddress& address, std::uint16_t port) {
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes_.data(), kV4Bytes);
    std::memcpy(&storage, &v4, sizeof v4);
    size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes_.data(), address.bytes_.size());
    std::memcpy(&storage, &v6, sizeof v6);
    size = sizeof v6;
  }
}

}  // namespace moka
