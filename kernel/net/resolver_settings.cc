// SPDX-License-Identifier: Apache-2.0
#include "net/resolver_settings.h"

#include <cstring>

#include "base/format.h"
#include "net/network.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::size_t kLongestDomain = 253;  // RFC 1035

struct NameServers {
  ip_addr_t addresses[kMaxNameServers] = {};
  std::size_t count = 0;
};

constinit SpinLock lock{LockRank::kTask};
constinit NameServers chosen GUARDED_BY(lock);
constinit NameServers leased GUARDED_BY(lock);
constinit char domain[kLongestDomain + 1] GUARDED_BY(lock) = {};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

}  // namespace

Result<void> add_name_server(const ip_addr_t& address, NameServerSource source) {
  const SpinGuard guard(lock);
  NameServers& servers = source == NameServerSource::kCommandLine ? chosen : leased;
  if (servers.count == kMaxNameServers) return Errno::kENOSPC;
  servers.addresses[servers.count++] = address;
  return {};
}

void replace_leased_name_servers(std::span<const std::uint8_t> option) {
  const SpinGuard guard(lock);
  leased.count = 0;
  for (std::size_t at = 0; at + 4 <= option.size() && leased.count < kMaxNameServers; at += 4) {
    ip_addr_t& address = leased.addresses[leased.count++];
    std::memset(&address, 0, sizeof(address));
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, &option[at], sizeof(bytes));
    ip_addr_set_ip4_u32(&address, bytes);
  }
}

void set_leased_domain(std::string_view name) {
  while (!name.empty() && name.back() == '\0') name.remove_suffix(1);  // some servers end it as C does
  if (name.size() > kLongestDomain) return;
  for (const char c : name)
    if (!is_name_character(c)) return;
  const SpinGuard guard(lock);
  std::memcpy(domain, name.data(), name.size());
  domain[name.size()] = '\0';
}

std::size_t format_resolver_configuration(char* buffer, std::size_t size) {
  std::size_t length = 0;
  const auto room = [&] { return size - length; };
  const auto written = [&](std::size_t wanted) { length += wanted < room() ? wanted : room() - 1; };
  if (size == 0) return 0;
  buffer[0] = '\0';
  const SpinGuard guard(lock);
  if (domain[0] != '\0') written(format_to(buffer, room(), "search %s\n", domain));
  const NameServers& servers = chosen.count > 0 ? chosen : leased;
  for (std::size_t i = 0; i < servers.count; ++i) {
    char text[IPADDR_STRLEN_MAX];
    const ip_addr_t& address = servers.addresses[i];
    if (IP_IS_V6_VAL(address)) ip6addr_ntoa_r(ip_2_ip6(&address), text, sizeof(text));
    else ip4addr_ntoa_r(ip_2_ip4(&address), text, sizeof(text));
    written(format_to(buffer + length, room(), "nameserver %s\n", text));
  }
  return length;
}

}  // namespace mokapot
