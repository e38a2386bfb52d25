// SPDX-License-Identifier: Apache-2.0
//
// Addresses and errors between the sockets' form and lwIP's.
#pragma once

#include "net/inet_address.h"

#include "lwip/err.h"
#include "lwip/ip_addr.h"

namespace mokapot {

// A scope is an interface's index in both.
inline ip_addr_t to_lwip(const InetAddress& address, std::uint32_t scope = 0) {
  ip_addr_t result = {};
  if (address.is_v4()) {
    ip_addr_set_ip4_u32(&result, address.v4());
    return result;
  }
  result.type = IPADDR_TYPE_V6;
  std::memcpy(ip_2_ip6(&result)->addr, address.bytes, sizeof(address.bytes));
  if (address.needs_scope()) {
    ip6_addr_set_zone(ip_2_ip6(&result), static_cast<u8_t>(scope));
  }
  return result;
}

inline InetAddress from_lwip(const ip_addr_t& address) {
  return IP_IS_V4_VAL(address) ? InetAddress::from_v4(&ip_2_ip4(&address)->addr)
                               : InetAddress::from_v6(ip_2_ip6(&address)->addr);
}

inline std::uint32_t scope_of(const ip_addr_t& address) {
  return IP_IS_V6_VAL(address) ? ip6_addr_zone(ip_2_ip6(&address)) : 0;
}

inline Errno errno_of(err_t error) {
  switch (error) {
    case ERR_MEM:
    case ERR_BUF: return Errno::kENOBUFS;
    case ERR_TIMEOUT: return Errno::kETIMEDOUT;
    case ERR_RTE: return Errno::kENETUNREACH;
    case ERR_USE: return Errno::kEADDRINUSE;
    case ERR_ALREADY: return Errno::kEALREADY;
    case ERR_ISCONN: return Errno::kEISCONN;
    case ERR_CONN:
    case ERR_CLSD: return Errno::kENOTCONN;
    case ERR_IF: return Errno::kENETDOWN;
    case ERR_ABRT: return Errno::kECONNABORTED;
    case ERR_RST: return Errno::kECONNRESET;
    default: return Errno::kEINVAL;
  }
}

}  // namespace mokapot
