// SPDX-License-Identifier: Apache-2.0
//
// The socket options that are one number each: their Linux numbers, what they may be set to and what they are at first.
// Whoever acts on one reads it from the socket's OptionValues; those that mean nothing here (SO_PRIORITY,
// SO_BUSY_POLL ...) are kept and shown, as a Linux without that hardware does.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace mokapot {

inline constexpr int kLevelIp = 0, kLevelTcp = 6, kLevelUdp = 17, kLevelIpv6 = 41, kLevelIcmp6 = 58, kLevelRaw = 255;

enum class Option : std::uint8_t {
  // SOL_SOCKET
  kDebug, kReuseAddress, kDontRoute, kBroadcast, kKeepAlive, kOutOfBandInline, kNoCheck, kPriority, kReusePort,
  kPassCredentials, kReceiveLowWater, kTimestamp, kTimestampNanoseconds, kMark, kDropCounter, kBusyPoll, kIncomingCpu,
  kZeroCopy,
  // IPPROTO_IP
  kTypeOfService, kTimeToLive, kReceiveOptions, kReturnOptions, kPacketInfo, kMtuDiscover, kReceiveErrors,
  kReceiveTimeToLive, kReceiveTypeOfService, kFreeBind, kTransparent, kReceiveOriginal, kMinimalTimeToLive,
  kBindWithoutPort, kMulticastTimeToLive, kMulticastLoop, kMulticastAll,
  // IPPROTO_IPV6
  kUnicastHops, kMulticastHops6, kMulticastLoop6, kMulticastAll6, kMtuDiscover6, kReceiveErrors6, kV6Only,
  kReceivePacketInfo6, kReceiveHopLimit, kReceiveTrafficClass, kTrafficClass, kDontFragment, kAutoFlowLabel,
  // IPPROTO_TCP
  kNoDelay, kCork, kKeepIdle, kKeepInterval, kKeepCount, kSynCount, kQuickAck, kDeferAccept, kUserTimeout, kFastOpen,
  kFastOpenConnect, kNotSentLowWater,
  // IPPROTO_UDP
  kUdpCork, kUdpSegment, kUdpReceiveOffload,
  kCount
};

class OptionValues {
 public:
  OptionValues();
  std::int32_t get(Option option) const { return values_[static_cast<std::size_t>(option)].load(std::memory_order_relaxed); }
  bool on(Option option) const { return get(option) != 0; }
  void put(Option option, std::int32_t value) {
    values_[static_cast<std::size_t>(option)].store(value, std::memory_order_relaxed);
  }
  void copy_from(const OptionValues& other);

 private:
  std::atomic<std::int32_t> values_[static_cast<std::size_t>(Option::kCount)];
};

// Whether the table has the option; the option then.
bool find_option(int level, int name, Option& option);
// The number that an application gave: kEINVAL where it is too short. IP's options may be single bytes.
Result<std::int32_t> parse_option_number(int level, std::span<const std::uint8_t> value);
// Checks and keeps. kEINVAL.
Result<void> set_option_number(OptionValues& values, Option option, std::int32_t number);

// Lays a number out as getsockopt gives it; returns the size.
std::size_t give_option_number(int level, std::int32_t number, std::span<std::uint8_t> value);

}  // namespace mokapot
