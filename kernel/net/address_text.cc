// SPDX-License-Identifier: Apache-2.0
#include "net/address_text.h"

#include <bit>
#include <cstring>

namespace mokapot {
namespace {

constexpr std::size_t kLongestText = 46;  // INET6_ADDRSTRLEN
constexpr unsigned kIpv4Bits = 32, kIpv6Bits = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Four decimal numbers: lwIP would also take "10.1", octal and hexadecimal, which mean different things to different
// programs.
bool is_dotted_quad(std::string_view text) {
  unsigned dots = 0;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (digits == 0 || ++dots > 3) return false;
      digits = 0;
    } else {
      if (!is_digit(text[i]) || ++digits > 3) return false;
      if (digits > 1 && text[i - digits + 1] == '0') return false;
    }
  }
  return dots == 3 && digits > 0;
}

// lwIP takes any character that it does not know for the end.
bool has_only_ipv6_characters(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF:.") == text.npos;
}

Result<unsigned> parse_prefix(std::string_view text, unsigned most) {
  if (text.empty() || text.size() > 3) return Errno::kEINVAL;
  unsigned value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return Errno::kEINVAL;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > most) return Errno::kEINVAL;
  return value;
}

bool can_be_an_interfaces(const ip_addr_t& address) {
  if (IP_IS_V6_VAL(address)) {
    const ip6_addr_t& v6 = *ip_2_ip6(&address);
    return !ip6_addr_isany_val(v6) && !ip6_addr_isloopback(&v6) && !ip6_addr_ismulticast(&v6);
  }
  const ip4_addr_t& v4 = *ip_2_ip4(&address);
  return !ip4_addr_isany_val(v4) && !ip4_addr_isloopback(&v4) && !ip4_addr_ismulticast(&v4) &&
         ip4_addr_get_u32(&v4) != IPADDR_BROADCAST;
}

}  // namespace

Result<ip_addr_t> parse_address(std::string_view text) {
  char copy[kLongestText];
  if (text.empty() || text.size() >= sizeof(copy)) return Errno::kEINVAL;
  const bool ipv6 = text.find(':') != text.npos;
  if (!(ipv6 ? has_only_ipv6_characters(text) : is_dotted_quad(text))) return Errno::kEINVAL;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  ip_addr_t address;
  std::memset(&address, 0, sizeof(address));
  const int understood = ipv6 ? ip6addr_aton(copy, ip_2_ip6(&address)) : ip4addr_aton(copy, ip_2_ip4(&address));
  if (understood == 0) return Errno::kEINVAL;
  IP_SET_TYPE_VAL(address, ipv6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
  return address;
}

Result<AddressWithPrefix> parse_interface_address(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return Errno::kEINVAL;
  AddressWithPrefix parsed;
  parsed.address = TRY(parse_address(text.substr(0, slash)));
  parsed.prefix = TRY(parse_prefix(text.substr(slash + 1), IP_IS_V6_VAL(parsed.address) ? kIpv6Bits : kIpv4Bits));
  if (parsed.prefix == 0 || !can_be_an_interfaces(parsed.address)) return Errno::kEINVAL;
  return parsed;
}

ip4_addr_t netmask_of_prefix(unsigned prefix) {
  ip4_addr_t mask;
  ip4_addr_set_u32(&mask, prefix == 0 ? 0 : lwip_htonl(~std::uint32_t{0} << (kIpv4Bits - prefix)));
  return mask;
}

unsigned prefix_of_netmask(const ip4_addr_t& mask) {
  return static_cast<unsigned>(std::popcount(ip4_addr_get_u32(&mask)));
}

}  // namespace mokapot
