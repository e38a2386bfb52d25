// SPDX-License-Identifier: Apache-2.0
//
// What signalfd(2) reports of one signal: struct signalfd_siginfo, filled from the part of siginfo_t that the
// signal's origin gives a meaning to. Pure: any context.
#pragma once

#include <cstdint>

#include "process/signal_state.h"

namespace mokapot {

// struct signalfd_siginfo of Linux.
struct SignalRecord {
  std::uint32_t signal = 0;
  std::int32_t error = 0, code = 0;
  std::uint32_t pid = 0, uid = 0;
  std::int32_t descriptor = 0;
  std::uint32_t timer = 0, band = 0, overrun = 0, trap = 0;
  std::int32_t status = 0, integer = 0;
  std::uint64_t pointer = 0, user_time = 0, system_time = 0, address = 0;
  std::uint16_t address_low_bits = 0, padding = 0;
  std::int32_t system_call = 0;
  std::uint64_t call_address = 0;
  std::uint32_t architecture = 0;
  std::uint8_t reserved[28] = {};
};
static_assert(sizeof(SignalRecord) == 128);

SignalRecord signal_record(const SignalInfo& info);

}  // namespace mokapot
