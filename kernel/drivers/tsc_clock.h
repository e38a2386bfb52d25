// SPDX-License-Identifier: Apache-2.0
//
// The ClockSource over the time stamp counter.
//
// The parameters change at most once, by refine(), while others read: a sequence number guards
// them, odd while they change. Readers are lock free.
#pragma once

#include <atomic>
#include <cstdint>

#include "drivers/clock_scale.h"
#include "time/clock.h"

namespace mokapot {

class TscClock final : public ClockSource {
 public:
  // Instant 0 is at tsc_base.
  TscClock(ClockScale scale, std::uint64_t tsc_base);

  const char* name() const override { return "tsc"; }
  Instant now() override;
  bool tsc_parameters(TscParameters& parameters) override;

  // A better scale from now on; the clock neither jumps nor goes back. Boot's one thread.
  void refine(ClockScale scale);

 private:
  TscParameters snapshot() const;
  static std::int64_t nanoseconds_at(const TscParameters& parameters, std::uint64_t tsc);

  std::atomic<std::uint32_t> sequence_{0};
  std::atomic<std::uint64_t> tsc_base_;
  std::atomic<std::int64_t> base_nanoseconds_{0};
  std::atomic<std::uint32_t> multiplier_;
  std::atomic<std::uint32_t> shift_;
};

}  // namespace mokapot
