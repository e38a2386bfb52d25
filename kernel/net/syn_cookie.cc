// SPDX-License-Identifier: Apache-2.0
#include "net/syn_cookie.h"

#include <cstring>
#include <iterator>

namespace mokapot {
namespace {

// What peers offer: dial-up and tunnels of old, IPv6's least, VPNs, PPPoE, Ethernet less time stamps and whole, jumbo.
constexpr std::uint16_t kSizes[] = {216, 536, 1220, 1360, 1440, 1448, 1460, 8960};
constexpr unsigned kIndexBits = 3, kTimeBits = 3;
constexpr std::uint32_t kIndexMask = (1 << kIndexBits) - 1, kTimeMask = (1 << kTimeBits) - 1;
static_assert(std::size(kSizes) == kIndexMask + 1);
constexpr std::size_t kMostBytes = 64;

std::uint32_t index_of(std::uint16_t mss) {
  std::uint32_t index = kIndexMask;
  while (index > 0 && kSizes[index] > mss) --index;
  return index;
}

std::uint32_t cookie_of(const HashKey& key, std::span<const std::byte> connection, std::uint32_t index, std::int64_t period) {
  std::byte text[kMostBytes + sizeof(period) + sizeof(index)] = {};
  std::memcpy(text, connection.data(), connection.size() < kMostBytes ? connection.size() : kMostBytes);
  std::memcpy(text + kMostBytes, &period, sizeof(period));
  std::memcpy(text + kMostBytes + sizeof(period), &index, sizeof(index));
  const auto hash = static_cast<std::uint32_t>(keyed_hash(key, text, sizeof(text)));
  const std::uint32_t time = static_cast<std::uint32_t>(period) & kTimeMask;
  return hash << (kIndexBits + kTimeBits) | time << kIndexBits | index;
}

}  // namespace

std::uint32_t make_syn_cookie(const HashKey& key, std::span<const std::byte> connection, std::uint16_t mss, std::int64_t seconds) {
  return cookie_of(key, connection, index_of(mss), seconds / kSynCookiePeriodSeconds);
}

std::uint16_t check_syn_cookie(const HashKey& key, std::span<const std::byte> connection, std::uint32_t cookie,
                               std::int64_t seconds) {
  const std::int64_t period = seconds / kSynCookiePeriodSeconds;
  const std::uint32_t index = cookie & kIndexMask;
  for (const std::int64_t made : {period, period - 1})
    if (cookie_of(key, connection, index, made) == cookie) return kSizes[index];
  return 0;
}

}  // namespace mokapot
