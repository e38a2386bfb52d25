// SPDX-License-Identifier: Apache-2.0
//
// Options of AF_UNIX sockets.
#include <algorithm>
#include <cstring>

#include "io/unix_base.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// SOL_SOCKET's options, Linux's numbers.
enum : int {
  kReuseAddress = 2, kType = 3, kError = 4, kSendBuffer = 7, kReceiveBuffer = 8, kKeepAlive = 9, kLinger = 13,
  kReusePort = 15, kPassCredentials = 16, kPeerCredentials = 17, kReceiveTimeLimit = 20, kSendTimeLimit = 21,
  kAcceptsConnections = 30, kProtocol = 38, kDomain = 39,
};

struct TimeValue {
  std::int64_t seconds, microseconds;
};

}  // namespace

Instant UnixSocketBase::time_limit(const std::atomic<std::int64_t>& nanoseconds) {
  const std::int64_t limit = nanoseconds.load(std::memory_order_relaxed);
  return limit == 0 ? Instant::never() : now() + Duration::nanoseconds(limit);
}

Result<void> UnixSocketBase::set_option(int level, int name, std::span<const std::uint8_t> value) {
  if (level != kLevelSocket) return Errno::kEOPNOTSUPP;
  if (name == kReceiveTimeLimit || name == kSendTimeLimit) {
    TimeValue time;
    if (value.size() < sizeof(time)) return Errno::kEINVAL;
    std::memcpy(&time, value.data(), sizeof(time));
    if (time.microseconds < 0 || time.microseconds >= 1'000'000) return Errno::kEDOM;
    // Negative is no wait at all, and so long that it does not count is no limit.
    constexpr std::int64_t kMostSeconds = 1'000'000'000;
    std::int64_t limit = time.seconds < 0 ? 1 : time.microseconds * 1000;
    if (time.seconds > 0) limit = time.seconds > kMostSeconds ? 0 : limit + time.seconds * 1'000'000'000;
    (name == kReceiveTimeLimit ? receive_limit_ : send_limit_).store(limit, std::memory_order_relaxed);
    return {};
  }
  std::int32_t number = 0;
  if (value.size() < sizeof(number)) return Errno::kEINVAL;
  std::memcpy(&number, value.data(), sizeof(number));
  switch (name) {
    case kReuseAddress: reuse_address_ = number != 0; return {};
    case kReusePort: reuse_port_ = number != 0; return {};
    case kKeepAlive: keep_alive_ = number != 0; return {};
    case kPassCredentials: pass_credentials_ = number != 0; return {};
    case kSendBuffer: {
      // Linux doubles what is asked for, within its limits.
      constexpr std::int32_t kLeast = 4608 / 2, kMost = static_cast<std::int32_t>(kDefaultSendBuffer);
      send_buffer_ = static_cast<std::size_t>(std::clamp(number, kLeast, kMost)) * 2;
      return {};
    }
    case kReceiveBuffer:
    case kLinger: return {};  // hints: what waits counts at the sender, and closing loses nothing
    case kType:
    case kError:
    case kPeerCredentials:
    case kAcceptsConnections:
    case kProtocol:
    case kDomain:
    default: return Errno::kENOPROTOOPT;
  }
}

Result<std::size_t> UnixSocketBase::option(int level, int name, std::span<std::uint8_t> value) {
  if (level != kLevelSocket) return Errno::kEOPNOTSUPP;
  auto give = [&](const auto& what) -> Result<std::size_t> {
    const std::size_t size = std::min(value.size(), sizeof(what));
    std::memcpy(value.data(), &what, size);
    return size;
  };
  auto give_number = [&](std::int64_t number) { return give(static_cast<std::int32_t>(number)); };
  switch (name) {
    case kReuseAddress: return give_number(reuse_address_ ? 1 : 0);
    case kReusePort: return give_number(reuse_port_ ? 1 : 0);
    case kKeepAlive: return give_number(keep_alive_ ? 1 : 0);
    case kPassCredentials: return give_number(pass_credentials_ ? 1 : 0);
    case kType: return give_number(type_);
    case kError: return give_number(take_error());
    case kSendBuffer: return give_number(static_cast<std::int64_t>(send_buffer()));
    case kReceiveBuffer: return give_number(static_cast<std::int64_t>(kDefaultSendBuffer));
    case kLinger: return give(std::uint64_t{0});
    case kPeerCredentials: {
      constexpr Credentials kNobody{0, ~0u, ~0u};
      return give(knows_peer_credentials() ? kOwnCredentials : kNobody);
    }
    case kReceiveTimeLimit:
    case kSendTimeLimit: {
      const std::int64_t limit = (name == kReceiveTimeLimit ? receive_limit_ : send_limit_).load();
      return give(TimeValue{limit / 1'000'000'000, limit % 1'000'000'000 / 1000});
    }
    case kAcceptsConnections: return give_number(is_listening() ? 1 : 0);
    case kProtocol: return give_number(0);
    case kDomain: return give_number(kFamilyUnix);
    default: return Errno::kENOPROTOOPT;
  }
}

}  // namespace mokapot
