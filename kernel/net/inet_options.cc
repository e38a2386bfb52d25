// SPDX-License-Identifier: Apache-2.0
//
// setsockopt and getsockopt of Internet sockets: the table's options, and those of SOL_SOCKET that are more than a
// number each.
#include <algorithm>
#include <cstring>

#include "net/inet_socket.h"
#include "net/interfaces.h"

namespace mokapot {
namespace {

// SOL_SOCKET's options that are not in the table, Linux's numbers.
enum : int {
  kType = 3, kError = 4, kSendBuffer = 7, kReceiveBuffer = 8, kLinger = 13, kPeerCredentials = 17,
  kSendLowWater = 19, kReceiveTimeLimit = 20, kSendTimeLimit = 21, kBindToDevice = 25, kAttachFilter = 26,
  kDetachFilter = 27, kPeerName = 28, kAcceptsConnections = 30, kSendBufferForce = 32, kReceiveBufferForce = 33,
  kProtocolNumber = 38, kDomain = 39, kMemoryInformation = 55, kNapiId = 56, kCookie = 57, kBindToInterface = 62,
  kReceiveTimeLimitNew = 66, kSendTimeLimitNew = 67,
};

// net.core.wmem_max and rmem_max, and Linux's floors.
constexpr std::int32_t kMostBuffer = 212992, kLeastSendBuffer = 4608, kLeastReceiveBuffer = 2304;

struct TimeValue {
  std::int64_t seconds, microseconds;
};
struct LingerValue {
  std::int32_t on, seconds;
};

template <typename T>
Result<T> read_value(std::span<const std::uint8_t> value) {
  T result;
  if (value.size() < sizeof(result)) return Errno::kEINVAL;
  std::memcpy(&result, value.data(), sizeof(result));
  return result;
}

template <typename T>
std::size_t give(const T& what, std::span<std::uint8_t> value) {
  const std::size_t size = std::min(value.size(), sizeof(what));
  std::memcpy(value.data(), &what, size);
  return size;
}

Result<std::int64_t> parse_time_limit(std::span<const std::uint8_t> value) {
  const auto time = TRY(read_value<TimeValue>(value));
  if (time.microseconds < 0 || time.microseconds >= 1'000'000) return Errno::kEDOM;
  // Negative is no wait at all, and so long that it does not count is no limit.
  constexpr std::int64_t kMostSeconds = 1'000'000'000;
  if (time.seconds < 0) return std::int64_t{1};
  if (time.seconds > kMostSeconds) return std::int64_t{0};
  return time.seconds * 1'000'000'000 + time.microseconds * 1000;
}

TimeValue shown_time_limit(std::int64_t limit) { return {limit / 1'000'000'000, limit % 1'000'000'000 / 1000}; }

}  // namespace

void InetSocket::inherit_options(const InetSocket& from) {
  options_.copy_from(from.options_);
  receive_limit_.store(from.receive_limit_.load(), std::memory_order_relaxed);
  send_limit_.store(from.send_limit_.load(), std::memory_order_relaxed);
  send_buffer_.store(from.send_buffer_.load(), std::memory_order_relaxed);
  receive_buffer_.store(from.receive_buffer_.load(), std::memory_order_relaxed);
  buffers_given_.store(from.buffers_given_.load(), std::memory_order_relaxed);
  linger_.store(from.linger_.load(), std::memory_order_relaxed);
  interface_.store(from.interface_.load(), std::memory_order_relaxed);
}

Result<void> InetSocket::set_special_option(int, int, std::span<const std::uint8_t>) { return Errno::kENOPROTOOPT; }
Result<std::size_t> InetSocket::special_option(int, int, std::span<std::uint8_t>) { return Errno::kENOPROTOOPT; }

Result<void> InetSocket::set_option(int level, int name, std::span<const std::uint8_t> value) {
  if (level == kLevelIpv6 && family_ != kFamilyIpv6) return Errno::kENOPROTOOPT;
  if (level == kLevelIp && family_ == kFamilyIpv6 && type_ == kSocketRaw) return Errno::kENOPROTOOPT;
  Option known;
  if (!find_option(level, name, known)) {
    return level == kLevelSocket ? set_socket_option(name, value) : set_special_option(level, name, value);
  }
  if ((level == kLevelTcp || level == kLevelUdp) && !accepts_level(level)) return Errno::kENOPROTOOPT;
  if (known == Option::kV6Only && has_port()) return Errno::kEINVAL;
  const std::int32_t number = TRY(parse_option_number(level, value));
  TRY(set_option_number(options_, known, number));
  option_changed(known);
  return {};
}

Result<std::size_t> InetSocket::option(int level, int name, std::span<std::uint8_t> value) {
  // Linux's words for a level that the socket has not depend on the family, and on the direction.
  const bool known_level = level == kLevelSocket || level == kLevelIp || accepts_level(level) ||
                           (level == kLevelIpv6 && family_ == kFamilyIpv6);
  if (!known_level) return family_ == kFamilyIpv4 ? Errno::kEOPNOTSUPP : Errno::kENOPROTOOPT;
  if (level == kLevelIp && family_ == kFamilyIpv6 && type_ == kSocketRaw) return Errno::kENOPROTOOPT;
  Option known;
  if (!find_option(level, name, known)) {
    return level == kLevelSocket ? socket_option(name, value) : special_option(level, name, value);
  }
  return give_option_number(level, options_.get(known), value);
}

Result<void> InetSocket::set_buffer(int name, std::int32_t wanted) {
  const bool sends = name == kSendBuffer || name == kSendBufferForce;
  const bool forced = name == kSendBufferForce || name == kReceiveBufferForce;
  if (!forced) wanted = static_cast<std::int32_t>(std::min<std::uint32_t>(static_cast<std::uint32_t>(wanted), kMostBuffer));
  const std::int32_t doubled = wanted > INT32_MAX / 2 ? INT32_MAX : wanted * 2;
  (sends ? send_buffer_ : receive_buffer_)
      .store(std::max(doubled, sends ? kLeastSendBuffer : kLeastReceiveBuffer), std::memory_order_relaxed);
  buffers_given_.fetch_or(sends ? 1 : 2, std::memory_order_relaxed);
  buffers_changed();
  return {};
}

Result<void> InetSocket::set_socket_option(int name, std::span<const std::uint8_t> value) {
  switch (name) {
    case kBindToDevice: {
      std::string_view device(reinterpret_cast<const char*>(value.data()), value.size());  // SAFETY: bytes as text
      device = device.substr(0, device.find('\0'));
      interface_.store(device.empty() ? 0 : TRY(interface_index(device)), std::memory_order_relaxed);
      return {};
    }
    case kDetachFilter: return Errno::kENOENT;  // there is none
    case kAttachFilter: return Errno::kEINVAL;
    default: break;
  }
  const std::int32_t number = TRY(read_value<std::int32_t>(value));
  switch (name) {
    case kSendBuffer:
    case kReceiveBuffer:
    case kSendBufferForce:
    case kReceiveBufferForce: return set_buffer(name, number);
    case kLinger: {
      const auto linger = TRY(read_value<LingerValue>(value));
      linger_.store(linger.on != 0 ? std::max(linger.seconds, 0) : -1, std::memory_order_relaxed);
      return {};
    }
    case kReceiveTimeLimit:
    case kReceiveTimeLimitNew: receive_limit_.store(TRY(parse_time_limit(value)), std::memory_order_relaxed); return {};
    case kSendTimeLimit:
    case kSendTimeLimitNew: send_limit_.store(TRY(parse_time_limit(value)), std::memory_order_relaxed); return {};
    case kBindToInterface:
      if (number < 0) return Errno::kEINVAL;
      if (number != 0) TRY(interface_by_index(static_cast<std::uint32_t>(number)));
      interface_.store(static_cast<std::uint32_t>(number), std::memory_order_relaxed);
      return {};
    default: return Errno::kENOPROTOOPT;
  }
}

Result<std::size_t> InetSocket::socket_option(int name, std::span<std::uint8_t> value) {
  auto give_number = [&](std::int64_t number) -> Result<std::size_t> {
    return give(static_cast<std::int32_t>(number), value);
  };
  switch (name) {
    case kType: return give_number(type_);
    case kError: return give_number(static_cast<std::int32_t>(take_error()));
    case kSendBuffer: return give_number(send_buffer_.load(std::memory_order_relaxed));
    case kReceiveBuffer: return give_number(receive_buffer_.load(std::memory_order_relaxed));
    case kLinger: {
      const std::int32_t seconds = linger();
      return give(LingerValue{seconds >= 0 ? 1 : 0, std::max(seconds, 0)}, value);
    }
    case kPeerCredentials: {
      const std::int32_t nobody[3] = {0, -1, -1};
      return give(nobody, value);
    }
    case kSendLowWater: return give_number(1);
    case kReceiveTimeLimit:
    case kReceiveTimeLimitNew: return give(shown_time_limit(receive_limit_.load()), value);
    case kSendTimeLimit:
    case kSendTimeLimitNew: return give(shown_time_limit(send_limit_.load()), value);
    case kBindToDevice: {
      if (bound_interface() == 0) return std::size_t{0};
      const Interface bound = TRY(interface_by_index(bound_interface()));
      const std::size_t size = std::strlen(bound.name) + 1;
      if (value.size() < Interface::kNameSize) return Errno::kEINVAL;
      std::memcpy(value.data(), bound.name, size);
      return size;
    }
    case kPeerName: {
      const SocketAddress peer = TRY(peer_address());
      if (value.size() > peer.size) return Errno::kEINVAL;
      std::memcpy(value.data(), peer.bytes, value.size());
      return value.size();
    }
    case kAcceptsConnections: return give_number(is_listening() ? 1 : 0);
    case kProtocolNumber: return give_number(protocol_);
    case kDomain: return give_number(family_);
    case kMemoryInformation: {
      const std::uint32_t information[9] = {0, static_cast<std::uint32_t>(receive_buffer()), 0,
                                            static_cast<std::uint32_t>(send_buffer()), 0, 0, 0, 0, 0};
      return give(information, value);
    }
    case kNapiId: return give_number(0);
    case kCookie: {
      if (value.size() < sizeof(std::uint64_t)) return Errno::kEINVAL;
      return give(TRY(status()).inode, value);
    }
    case kBindToInterface: return give_number(bound_interface());
    default: return Errno::kENOPROTOOPT;
  }
}

}  // namespace mokapot
