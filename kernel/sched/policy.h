// SPDX-License-Identifier: Apache-2.0
//
// Every decision of the scheduler that is a matter of policy and not of mechanism: weights, slices, who
// preempts whom, how long an idle CPU polls. Pure functions of numbers, tested on the host.
//
// Threads share a CPU fairly by virtual runtime: time used, scaled by the inverse of the nice weight.
// The waiting thread with the least runs next. What the JVM's own threads get besides is in thread_class.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/types.h"

namespace mokapot::policy {

// Virtual runtime: nanoseconds at nice 0.
using VirtualRuntime = std::int64_t;

// While a thread waits for a busy CPU, that CPU looks this often whether it is its turn. A CPU on which
// nobody waits takes no ticks.
inline constexpr Duration kTick = Duration::milliseconds(4);

// A thread that wakes gets at most this much credit for its sleep: enough to preempt one that computes, so
// that timed waits end in time, and no more, so that sleeping does not buy a monopoly later.
inline constexpr VirtualRuntime kSleeperCredit = 3'000'000;

// A waking thread preempts the running one only if it is behind by this much. Threads that wake each other
// all the time would otherwise switch at every wake instead of when the waker blocks.
inline constexpr VirtualRuntime kWakeUpGranularity = 500'000;

// An idle CPU polls before it halts, only while wakes come in quick succession: halting and being woken by
// an interrupt costs tens of microseconds under emulation and a VM exit otherwise. The window opens when
// an idle period ended within kShortIdle and is halved by each that did not, so that a CPU that is really
// idle soon does not poll at all.
inline constexpr Duration kPollWindow = Duration::microseconds(200);
inline constexpr Duration kShortIdle = Duration::microseconds(400);
inline constexpr Duration kLeastPollWindow = Duration::microseconds(10);

constexpr Duration next_poll_window(Duration window, Duration idle_period) {
  if (idle_period <= kShortIdle) return kPollWindow;
  const Duration half = Duration::nanoseconds(window.nanoseconds() / 2);
  return half < kLeastPollWindow ? Duration() : half;
}

// Linux's scheduling policies, by their numbers. All are served by the one fair queue: the real-time ones
// with the greatest weight, kIdle with the least.
enum class Policy : std::uint8_t { kOther = 0, kFifo = 1, kRoundRobin = 2, kBatch = 3, kIdle = 5 };

inline constexpr int kLowestNice = -20;
inline constexpr int kHighestNice = 19;
inline constexpr std::uint32_t kNeutralWeight = 1024;

// One step of nice is a factor of 1.25, so that two threads one step apart differ by about 10% of a CPU.
constexpr std::uint32_t weight_of(int nice) {
  std::uint64_t weight = kNeutralWeight << 8;
  for (; nice < 0; ++nice) weight = weight * 5 / 4;
  for (; nice > 0; --nice) weight = weight * 4 / 5;
  return static_cast<std::uint32_t>(weight >> 8);
}

constexpr bool is_real_time(Policy policy) {
  return policy == Policy::kFifo || policy == Policy::kRoundRobin;
}

constexpr std::uint32_t weight_of(Policy policy, int nice) {
  if (is_real_time(policy)) return weight_of(kLowestNice);
  return weight_of(policy == Policy::kIdle ? kHighestNice : nice);
}

constexpr VirtualRuntime charge(Duration used, std::uint32_t weight) {
  if (weight == kNeutralWeight) return used.nanoseconds();
  return used.nanoseconds() * kNeutralWeight / weight;
}

// Where a thread that has slept joins a queue whose clock stands at queue_minimum.
constexpr VirtualRuntime place_waking(VirtualRuntime own, VirtualRuntime queue_minimum) {
  return std::max(own, queue_minimum - kSleeperCredit);
}

constexpr bool waking_preempts(VirtualRuntime waking, VirtualRuntime running) {
  return running - waking > kWakeUpGranularity;
}

// A queue gives a thread away only to one that is shorter by two: by one, they would pass it to and fro.
constexpr bool worth_moving(std::uint32_t load_here, std::uint32_t load_there) {
  return load_here >= load_there + 2;
}

}  // namespace mokapot::policy
