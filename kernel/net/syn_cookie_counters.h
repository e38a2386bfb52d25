// SPDX-License-Identifier: Apache-2.0
//
// How many handshakes were answered by a cookie, and how many cookies came back as good. Lock: core lock.
#pragma once

#include <cstdint>

#include "net/stack.h"

namespace mokapot {

struct SynCookieCounters {
  std::uint64_t sent = 0, received = 0;
};
SynCookieCounters syn_cookie_counters() REQUIRES(net_core_lock());  // lwip_port/sequence_numbers.cc

}  // namespace mokapot
