// SPDX-License-Identifier: Apache-2.0
#include "net/option_table.h"

#include <algorithm>
#include <cstring>

#include "io/socket.h"

namespace mokapot {
namespace {

enum class Shape : std::uint8_t {
  kFlag,    // anything but 0 is 1
  kRange,   // kEINVAL outside
  kClamp,   // brought into the range
};

struct Row {
  Option option;
  int level, name;
  Shape shape = Shape::kFlag;
  std::int32_t least = 0, most = 1, initial = 0;
  // -1 is accepted beside the range and means this.
  std::int32_t meaning_of_minus_one = -1;
  bool minus_one = false;
};

constexpr std::int32_t kMost = INT32_MAX;
constexpr int S = kLevelSocket, I = kLevelIp, V = kLevelIpv6, T = kLevelTcp, U = kLevelUdp;

constexpr Row kRows[] = {
    {Option::kDebug, S, 1},
    {Option::kReuseAddress, S, 2},
    {Option::kDontRoute, S, 5},
    {Option::kBroadcast, S, 6},
    {Option::kKeepAlive, S, 9},
    {Option::kOutOfBandInline, S, 10},
    {Option::kNoCheck, S, 11},
    {Option::kPriority, S, 12, Shape::kRange, INT32_MIN, kMost, 0},
    {Option::kReusePort, S, 15},
    {Option::kPassCredentials, S, 16},
    {Option::kReceiveLowWater, S, 18, Shape::kClamp, 1, kMost, 1},
    {Option::kTimestamp, S, 29},
    {Option::kTimestampNanoseconds, S, 35},
    {Option::kMark, S, 36, Shape::kRange, INT32_MIN, kMost, 0},
    {Option::kDropCounter, S, 40},
    {Option::kBusyPoll, S, 46, Shape::kRange, 0, kMost, 0},
    {Option::kIncomingCpu, S, 49, Shape::kRange, INT32_MIN, kMost, -1},
    {Option::kZeroCopy, S, 60, Shape::kRange, 0, 1, 0},
    {Option::kTypeOfService, I, 1, Shape::kRange, INT32_MIN, kMost, 0},
    {Option::kTimeToLive, I, 2, Shape::kRange, 1, 255, 64, 64, true},
    {Option::kReceiveOptions, I, 6},
    {Option::kReturnOptions, I, 7},
    {Option::kPacketInfo, I, 8},
    {Option::kMtuDiscover, I, 10, Shape::kRange, 0, 5, 1},
    {Option::kReceiveErrors, I, 11},
    {Option::kReceiveTimeToLive, I, 12},
    {Option::kReceiveTypeOfService, I, 13},
    {Option::kFreeBind, I, 15},
    {Option::kTransparent, I, 19},
    {Option::kReceiveOriginal, I, 20},
    {Option::kMinimalTimeToLive, I, 21, Shape::kRange, 0, 255, 0},
    {Option::kBindWithoutPort, I, 24},
    {Option::kMulticastTimeToLive, I, 33, Shape::kRange, 0, 255, 1, 1, true},
    {Option::kMulticastLoop, I, 34, Shape::kFlag, 0, 1, 1},
    {Option::kMulticastAll, I, 49, Shape::kRange, 0, 1, 1},
    {Option::kUnicastHops, V, 16, Shape::kRange, 0, 255, 64, 64, true},
    {Option::kMulticastHops6, V, 18, Shape::kRange, 0, 255, 1, 1, true},
    {Option::kMulticastLoop6, V, 19, Shape::kRange, 0, 1, 1},
    {Option::kMulticastAll6, V, 29, Shape::kRange, 0, 1, 1},
    {Option::kMtuDiscover6, V, 23, Shape::kRange, 0, 5, 1},
    {Option::kReceiveErrors6, V, 25},
    {Option::kV6Only, V, 26},
    {Option::kReceivePacketInfo6, V, 49},
    {Option::kReceiveHopLimit, V, 51},
    {Option::kReceiveTrafficClass, V, 66},
    {Option::kTrafficClass, V, 67, Shape::kRange, 0, 255, 0, 0, true},
    {Option::kDontFragment, V, 62},
    {Option::kAutoFlowLabel, V, 70, Shape::kFlag, 0, 1, 1},
    {Option::kNoDelay, T, 1},
    {Option::kCork, T, 3},
    {Option::kKeepIdle, T, 4, Shape::kRange, 1, 32767, 7200},
    {Option::kKeepInterval, T, 5, Shape::kRange, 1, 32767, 75},
    {Option::kKeepCount, T, 6, Shape::kRange, 1, 127, 9},
    {Option::kSynCount, T, 7, Shape::kRange, 1, 127, 6},
    {Option::kDeferAccept, T, 9, Shape::kClamp, 0, kMost, 0},
    {Option::kQuickAck, T, 12, Shape::kFlag, 0, 1, 1},
    {Option::kUserTimeout, T, 18, Shape::kRange, 0, kMost, 0},
    {Option::kFastOpen, T, 23, Shape::kRange, 0, kMost, 0},
    {Option::kFastOpenConnect, T, 30, Shape::kRange, 0, 1, 0},
    {Option::kNotSentLowWater, T, 25, Shape::kRange, INT32_MIN, kMost, 0},
    {Option::kUdpCork, U, 1},
    {Option::kUdpSegment, U, 103, Shape::kRange, 0, 65535, 0},
    {Option::kUdpReceiveOffload, U, 104},
};
static_assert(std::size(kRows) == static_cast<std::size_t>(Option::kCount));

const Row& row_of(Option option) {
  return *std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return row.option == option; });
}

}  // namespace

OptionValues::OptionValues() {
  for (const Row& row : kRows) put(row.option, row.initial);
}

void OptionValues::copy_from(const OptionValues& other) {
  for (std::size_t i = 0; i < std::size(values_); ++i) put(static_cast<Option>(i), other.get(static_cast<Option>(i)));
}

bool find_option(int level, int name, Option& option) {
  for (const Row& row : kRows) {
    if (row.level != level || row.name != name) continue;
    option = row.option;
    return true;
  }
  return false;
}

Result<std::int32_t> parse_option_number(int level, std::span<const std::uint8_t> value) {
  std::int32_t number = 0;
  if (value.size() >= sizeof(number)) {
    std::memcpy(&number, value.data(), sizeof(number));
    return number;
  }
  if (level != kLevelIp) return Errno::kEINVAL;
  return value.empty() ? 0 : std::int32_t{value[0]};
}

Result<void> set_option_number(OptionValues& values, Option option, std::int32_t number) {
  const Row& row = row_of(option);
  if (number == -1 && row.minus_one) {
    number = row.meaning_of_minus_one;
  } else if (row.shape == Shape::kFlag) {
    number = number != 0 ? 1 : 0;
  } else if (row.shape == Shape::kClamp) {
    // A negative low-water mark is the highest there is.
    number = option == Option::kReceiveLowWater && number < 0 ? kMost : std::clamp(number, row.least, row.most);
  } else if (number < row.least || number > row.most) {
    return Errno::kEINVAL;
  }
  if (option == Option::kTypeOfService) number &= 0xff;
  values.put(option, number);
  return {};
}



std::size_t give_option_number(int level, std::int32_t number, std::span<std::uint8_t> value) {
  if (level == kLevelIp && value.size() < sizeof(number) && !value.empty() && number >= 0 && number <= 255) {
    value[0] = static_cast<std::uint8_t>(number);
    return 1;
  }
  const std::size_t size = std::min(value.size(), sizeof(number));
  std::memcpy(value.data(), &number, size);
  return size;
}

}  // namespace mokapot
