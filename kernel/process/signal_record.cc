// SPDX-License-Identifier: Apache-2.0
#include "process/signal_record.h"

#include <cstring>

namespace mokapot {
namespace {

// Which fields of siginfo_t's union hold.
enum class Layout : std::uint8_t { kSender, kTimer, kPoll, kFault, kFaultLowBits, kChild, kValue, kSystemCall };

constexpr int kIll = 4, kTrap = 5, kBus = 7, kFpe = 8, kSegv = 11, kChld = 17, kPoll = 29, kSys = 31;
constexpr std::int32_t kFromUser = 0, kFromKernel = 0x80, kFromTimer = -2, kFromDescriptor = -5;
constexpr std::int32_t kPollCodes = 6;

// Codes from 1 up to `codes` are the kernel's own of that signal.
struct OwnCodes {
  int signal;
  std::int32_t codes;
  Layout layout;
};
constexpr OwnCodes kOwnCodes[] = {
    {kIll, 11, Layout::kFault}, {kFpe, 15, Layout::kFault},  {kSegv, 10, Layout::kFault},
    {kBus, 5, Layout::kFault},  {kTrap, 6, Layout::kFault},  {kChld, 6, Layout::kChild},
    {kPoll, 6, Layout::kPoll},  {kSys, 2, Layout::kSystemCall},
};

Layout layout_of(int signal, std::int32_t code) {
  if (code < 0) {
    if (code == kFromTimer) return Layout::kTimer;
    return code == kFromDescriptor ? Layout::kPoll : Layout::kValue;
  }
  if (code == kFromUser || code >= kFromKernel) return Layout::kSender;
  for (const OwnCodes& own : kOwnCodes) {
    if (own.signal != signal || code > own.codes) continue;
    // A machine check says how much of the page is gone (BUS_MCEERR_AR, BUS_MCEERR_AO).
    return signal == kBus && code >= 4 ? Layout::kFaultLowBits : own.layout;
  }
  return code <= kPollCodes ? Layout::kPoll : Layout::kSender;
}

// A field of the union at its offset in it.
template <typename T>
T field(const SignalInfo& info, std::size_t offset) {
  T value;
  std::memcpy(&value, info.bytes + offset, sizeof(value));
  return value;
}

}  // namespace

SignalRecord signal_record(const SignalInfo& info) {
  SignalRecord record;
  record.signal = static_cast<std::uint32_t>(info.signal);
  record.error = info.error;
  record.code = info.code;
  const Layout layout = layout_of(info.signal, info.code);
  switch (layout) {
    case Layout::kSender:
    case Layout::kValue:
    case Layout::kChild:
      record.pid = field<std::uint32_t>(info, 0);
      record.uid = field<std::uint32_t>(info, 4);
      break;
    case Layout::kTimer:
      record.timer = field<std::uint32_t>(info, 0);
      record.overrun = field<std::uint32_t>(info, 4);
      break;
    case Layout::kPoll:
      record.band = field<std::uint32_t>(info, 0);
      record.descriptor = field<std::int32_t>(info, 8);
      break;
    case Layout::kFault:
    case Layout::kFaultLowBits:
      record.address = field<std::uint64_t>(info, 0);
      if (layout == Layout::kFaultLowBits) record.address_low_bits = field<std::uint16_t>(info, 8);
      break;
    case Layout::kSystemCall:
      record.call_address = field<std::uint64_t>(info, 0);
      record.system_call = field<std::int32_t>(info, 8);
      record.architecture = field<std::uint32_t>(info, 12);
      break;
  }
  if (layout == Layout::kTimer || layout == Layout::kValue) {
    record.pointer = field<std::uint64_t>(info, 8);
    record.integer = field<std::int32_t>(info, 8);
  }
  if (layout == Layout::kChild) {
    record.status = field<std::int32_t>(info, 8);
    record.user_time = field<std::uint64_t>(info, 16);
    record.system_time = field<std::uint64_t>(info, 24);
  }
  return record;
}

}  // namespace mokapot
