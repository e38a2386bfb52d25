// SPDX-License-Identifier: Apache-2.0
//
// What resolv.conf says: name servers from the command line, or else from the lease, and a search domain.
//
// Lock: a spinlock of its own (rank kTask), inside which nothing else is taken. Contexts: thread, core lock or not.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

#include "lwip/ip_addr.h"

namespace mokapot {

inline constexpr std::size_t kMaxNameServers = 3;  // resolv.conf(5): MAXNS

enum class NameServerSource : std::uint8_t { kCommandLine, kLease };
// kENOSPC beyond kMaxNameServers.
Result<void> add_name_server(const ip_addr_t& address, NameServerSource source);
// Option 6 of a lease: addresses of four bytes each.
void replace_leased_name_servers(std::span<const std::uint8_t> option);
// Option 15. A name with characters that a domain has not is ignored: it goes into a file that programs parse.
void set_leased_domain(std::string_view name);

}  // namespace mokapot
