// SPDX-License-Identifier: Apache-2.0
//
// IPv4 and IPv6 addresses as values: parsed from what users and the guest write, printed in the
// form that every tool reads.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moka {

class IpAddress {
 public:
  enum class Family { kV4, kV6 };

  // "192.0.2.1" or "2001:db8::1", without brackets, prefix or scope.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4_loopback();
  static IpAddress v6_loopback();
  static IpAddress any(Family family);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::kV4; }
  bool is_v6() const { return family_ == Family::kV6; }
  // 127.0.0.0/8 and ::1, also where IPv6 wraps the former (::ffff:127.0.0.1).
  bool is_loopback() const;
  // 0.0.0.0 or ::
  bool is_any() const;

  std::string text() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  friend struct SocketAddress;
  Family family_ = Family::kV4;
  std::array<std::uint8_t, 16> bytes_{};  // an IPv4 address takes the first four
};

enum class Protocol { kTcp, kUdp };

// "127.0.0.1:8080" and "[::1]:8080".
std::string endpoint_text(const IpAddress& address, std::uint16_t port);

// "8080"; nothing for 0, for more than 65535 and for what is no number.
std::optional<std::uint16_t> parse_port(std::string_view text);

// What the socket calls take.
struct SocketAddress {
  SocketAddress(const IpAddress& address, std::uint16_t port);

  // SAFETY: the socket calls look at the family, the first field of all three, before the rest.
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t size = 0;
};

}  // namespace moka
