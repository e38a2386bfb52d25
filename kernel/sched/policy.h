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
// How often a busy CPU is looked at to tell user and system time apart; and how long after it was found idle the looking
// begins again, so that one that is woken now and then is not woken for that as well.
inline constexpr Duration kSamplePeriod = Duration::milliseconds(10);
inline constexpr Duration kSamplePause = Duration::milliseconds(500);

// A thread that wakes gets at most this much credit for its sleep: enough to preempt one that computes, so
// that timed waits end in time, and no more, so that sleeping does not buy a monopoly later.
inline constexpr VirtualRuntime kSleeperCredit = 3'000'000;

// A waking thread preempts the running one only if it is behind by this much. Threads that wake each other
// all the time would otherwise switch at every wake instead of when the waker blocks.
inline constexpr VirtualRuntime kWakeUpGranularity = 500'000;

// An idle CPU polls before it halts, only while that pays: to halt and be woken by an interrupt costs tens of
// microseconds under emulation and a VM exit otherwise, but a CPU that polls takes time of the host's that may be wanted
// by whoever is to give it work. The window opens when an idle period was short. It stays open while work comes within
// it, is halved when none came, and once closed in vain it stays closed for a number of short idle periods.
inline constexpr Duration kPollWindow = Duration::microseconds(50);
inline constexpr Duration kShortIdle = Duration::microseconds(400);
inline constexpr Duration kLeastPollWindow = Duration::microseconds(10);
inline constexpr std::uint32_t kPeriodsWithoutPolling = 8;

struct Polling {
  Duration window;                    // of the next idle period
  std::uint32_t periods_to_skip = 0;  // short ones, before the window opens again
};

constexpr Polling next_polling(Polling last, Duration idle_period) {
  if (last.window > Duration()) {
    if (idle_period <= last.window) return {kPollWindow, 0};
    const Duration half = Duration::nanoseconds(last.window.nanoseconds() / 2);
    if (half < kLeastPollWindow) return {Duration(), kPeriodsWithoutPolling};
    return {half, 0};
  }
  if (idle_period > kShortIdle) return last;
  if (last.periods_to_skip != 0) return {Duration(), last.periods_to_skip - 1};
  return {kPollWindow, 0};
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

// Whether a thread that is being woken goes to the CPU of its waker, whatever that is busy with: short work that serves
// interrupts where the interrupt came, and the first that such work wakes where that will block in a moment. To
// interrupt another CPU, and more so one that has halted, takes longer.
constexpr bool wakes_at_waker(bool in_interrupt, bool woken_serves, bool waker_serves, std::uint32_t waiting_here) {
  if (in_interrupt) return woken_serves;
  return waker_serves && waiting_here == 0;
}

// Whether a thread for which no CPU is idle is woken where its waker runs and not where it ran last. To interrupt another
// CPU takes longer than to switch here, and one that runs out of threads steals; but a longer queue would make it wait.
constexpr bool wakes_here(std::uint32_t load_here, std::uint32_t load_there) { return load_here <= load_there; }

// A queue gives a thread away only to one that is shorter by two: by one, they would pass it to and fro.
constexpr bool worth_moving(std::uint32_t load_here, std::uint32_t load_there) {
  return load_here >= load_there + 2;
}

}  // namespace mokapot::policy
