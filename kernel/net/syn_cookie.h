// SPDX-License-Identifier: Apache-2.0
//
// SYN cookies (RFC 4987, 3.6): an initial sequence number that is proof of the SYN which it answers. From the low
// end: three bits of an index of the MSS, three of the time, 26 of a keyed hash of all that must agree. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "net/keyed_hash.h"

namespace mokapot {

// Cookies of this and the previous period are good.
inline constexpr std::int64_t kSynCookiePeriodSeconds = 64;

// `connection`: addresses, ports and the peer's sequence number, in any form that is the same both times.
std::uint32_t make_syn_cookie(const HashKey& key, std::span<const std::byte> connection, std::uint16_t mss, std::int64_t seconds);
// The MSS that it was made with, or the next smaller that cookies know; 0: not one of ours, or too old.
std::uint16_t check_syn_cookie(const HashKey& key, std::span<const std::byte> connection, std::uint32_t cookie,
                               std::int64_t seconds);

}  // namespace mokapot
