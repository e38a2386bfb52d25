// SPDX-License-Identifier: Apache-2.0
//
// Initial sequence numbers that nobody outside can guess (RFC 6528), and those that are SYN cookies. The keys are
// made on first use and live as long as the kernel. Core lock.
#include <cstring>
#include <span>

#include "device/random.h"
#include "net/keyed_hash.h"
#include "net/lwip_port/include/lwip_hooks.h"
#include "net/stack.h"
#include "net/syn_cookie.h"
#include "net/syn_cookie_counters.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// RFC 6528: the clock of sequence numbers ticks every four microseconds.
constexpr std::int64_t kSequenceTickNanoseconds = 4000;
constexpr std::int64_t kSecond = 1'000'000'000;

struct Connection {
  ip_addr_t local, remote;
  std::uint16_t local_port, remote_port;
  std::uint32_t sequence;
};

class SecretKey {
 public:
  const HashKey& get() {
    if (!made_) random_bytes(&key_, sizeof(key_));
    made_ = true;
    return key_;
  }

 private:
  HashKey key_;
  bool made_ = false;
};

constinit SecretKey sequence_key GUARDED_BY(net_core_lock());
constinit SecretKey cookie_key GUARDED_BY(net_core_lock());
constinit std::int64_t cookies_until GUARDED_BY(net_core_lock()) = 0;  // seconds since boot
constinit SynCookieCounters cookie_counters GUARDED_BY(net_core_lock());

Connection connection_of(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port, u32_t sequence) {
  Connection connection;
  std::memset(&connection, 0, sizeof(connection));  // padding is hashed too
  const auto copy = [](ip_addr_t& to, const ip_addr_t& from) {
    to.type = from.type;
    if (IP_IS_V6_VAL(from)) std::memcpy(ip_2_ip6(&to)->addr, ip_2_ip6(&from)->addr, sizeof(ip_2_ip6(&to)->addr));
    else ip_2_ip4(&to)->addr = ip_2_ip4(&from)->addr;
  };
  copy(connection.local, *local);
  copy(connection.remote, *remote);
  connection.local_port = local_port;
  connection.remote_port = remote_port;
  connection.sequence = sequence;
  return connection;
}

std::int64_t seconds_since_boot() { return now().nanoseconds() / kSecond; }

}  // namespace

SynCookieCounters syn_cookie_counters() { return cookie_counters; }

}  // namespace mokapot

using namespace mokapot;

// lwIP calls them with the core lock held.
extern "C" {

u32_t mokapot_tcp_isn(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port)
    NO_THREAD_SAFETY_ANALYSIS {
  const Connection connection = connection_of(local, local_port, remote, remote_port, 0);
  const auto clock = static_cast<std::uint64_t>(now().nanoseconds() / kSequenceTickNanoseconds);
  return static_cast<u32_t>(keyed_hash(sequence_key.get(), &connection, sizeof(connection)) + clock);
}

u32_t mokapot_syn_cookie(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port,
                         u32_t sequence, u16_t mss) NO_THREAD_SAFETY_ANALYSIS {
  const Connection connection = connection_of(local, local_port, remote, remote_port, sequence);
  ++cookie_counters.sent;
  cookies_until = seconds_since_boot() + 2 * kSynCookiePeriodSeconds;
  return make_syn_cookie(cookie_key.get(), std::as_bytes(std::span(&connection, 1)), mss, seconds_since_boot());
}

u16_t mokapot_check_syn_cookie(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port,
                               u32_t sequence, u32_t cookie) NO_THREAD_SAFETY_ANALYSIS {
  if (seconds_since_boot() >= cookies_until) return 0;
  const Connection connection = connection_of(local, local_port, remote, remote_port, sequence);
  const std::uint16_t mss =
      check_syn_cookie(cookie_key.get(), std::as_bytes(std::span(&connection, 1)), cookie, seconds_since_boot());
  if (mss != 0) ++cookie_counters.received;
  return mss;
}

}  // extern "C"
