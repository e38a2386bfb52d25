// SPDX-License-Identifier: Apache-2.0
//
// What HotSpot's own threads are to the scheduler: the names by which they are known, and what follows from
// being one. All of it is here and nowhere else; the scheduler only asks. Pure functions, tested on the host.
//
// HotSpot names its threads by prctl, cut to 15 characters; 17 and 25 do it alike. A program that gives a thread of
// its own such a name gets what the name stands for, which is bounded, and so at nobody's cost for long.
//
// A class changes when a thread has its turn, never how large its share is: that is the nice value's and the
// policy's (policy.h), which the user may set by -XX:ThreadPriorityPolicy and the like.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "sched/policy.h"

namespace mokapot::policy {

enum class ThreadClass : std::uint8_t {
  kOrdinary,
  // Works while the application is stopped, and only then.
  kPauseWorker,
  // Works in pauses and beside the application: a pause worker while it does what another in a pause woke it for.
  kCollector,
  kCompiler,
  // Looks at something now and then, and does not mind to do so a little later.
  kPeriodic,
};

struct ClassName {
  std::string_view beginning;
  ThreadClass thread_class;
};

inline constexpr ClassName kClassNames[] = {
    {"VM Thread", ThreadClass::kPauseWorker},        // carries out pauses; the Serial collector itself
    {"GC Thread#", ThreadClass::kPauseWorker},       // Parallel's and G1's
    {"RuntimeWorker#", ThreadClass::kPauseWorker},   // ZGC's at safepoints
    {"Safepoint Clean", ThreadClass::kPauseWorker},  // Shenandoah's at safepoints
    {"ZWorker", ThreadClass::kCollector},            // 25: ZWorkerYoung#, ZWorkerOld#
    {"Shenandoah GC T", ThreadClass::kCollector},
    {"C1 CompilerThre", ThreadClass::kCompiler},
    {"C2 CompilerThre", ThreadClass::kCompiler},
    {"JVMCI CompilerT", ThreadClass::kCompiler},
    {"JVMCI-native Co", ThreadClass::kCompiler},
    {"VM Periodic Tas", ThreadClass::kPeriodic},     // every 50 ms
    {"Monitor Deflati", ThreadClass::kPeriodic},     // every 250 ms
    {"G1 Service", ThreadClass::kPeriodic},
    {"ZStat", ThreadClass::kPeriodic},
};

constexpr ThreadClass class_of(std::string_view name) {
  for (const ClassName& known : kClassNames) {
    if (name.starts_with(known.beginning)) return known.thread_class;
  }
  return ThreadClass::kOrdinary;
}

constexpr const char* name_of(ThreadClass thread_class) {
  switch (thread_class) {
    case ThreadClass::kOrdinary: return "ordinary";
    case ThreadClass::kPauseWorker: return "pause";
    case ThreadClass::kCollector: return "collector";
    case ThreadClass::kCompiler: return "compiler";
    case ThreadClass::kPeriodic: return "periodic";
  }
  return "";
}

// Whether a thread's work is part of a pause, once another has woken it.
constexpr bool in_pause_after_wake(ThreadClass own, bool waker_in_pause) {
  return own == ThreadClass::kPauseWorker || (own == ThreadClass::kCollector && waker_in_pause);
}

// The credit of a thread that wakes for work in a pause: the CPU time that others have had since it slept, up to
// this. Longer than nearly every pause, so nobody comes between; and bounded, so a JVM that does nothing but collect
// leaves its compilers their fair share in the end.
inline constexpr VirtualRuntime kPauseCredit = 200'000'000;

// A compiler that wakes stands behind who waits by this much.
inline constexpr VirtualRuntime kCompilerHandicap = 3'000'000;

constexpr VirtualRuntime place_waking(VirtualRuntime own, VirtualRuntime queue_minimum, ThreadClass thread_class,
                                      bool in_pause) {
  if (in_pause) return std::max(own, queue_minimum - kPauseCredit);
  if (thread_class == ThreadClass::kCompiler) return std::max(own, queue_minimum + kCompilerHandicap);
  return place_waking(own, queue_minimum);
}

// Periodic threads wake at common moments, that many a second at most for all of them, and so rather late: an idle
// processor is woken once for all that is due.
inline constexpr Duration kBatch = Duration::milliseconds(50);

inline constexpr Duration kShortestBatched = Duration::milliseconds(25);

constexpr Instant batched(Instant deadline, Instant now, ThreadClass thread_class) {
  // HotSpot's shortest period is a batch less what the last turn took; a much shorter wait is for something else.
  if (thread_class != ThreadClass::kPeriodic || deadline - now < kShortestBatched) return deadline;
  const std::int64_t step = kBatch.nanoseconds();
  return Instant::from_nanoseconds((deadline.nanoseconds() + step - 1) / step * step);
}

}  // namespace mokapot::policy
