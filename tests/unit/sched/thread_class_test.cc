// SPDX-License-Identifier: Apache-2.0
// sources: kernel/sync/spinlock.cc
//
// What HotSpot's threads are to the scheduler.

#include "sched/thread_class.h"

#include <gtest/gtest.h>

namespace mokapot::policy {
namespace {

constexpr VirtualRuntime kQueue = 10'000'000'000;
constexpr auto ms = Duration::milliseconds;

// As they stand in /proc/PID/task/TID/comm of both JDKs.
TEST(ThreadClassTest, HotSpotsNamesAreKnown) {
  for (const char* name : {"VM Thread", "GC Thread#0", "GC Thread#13", "RuntimeWorker#1", "Safepoint Clean"})
    EXPECT_EQ(class_of(name), ThreadClass::kPauseWorker) << name;
  for (const char* name : {"ZWorker#0", "ZWorkerYoung#0", "ZWorkerOld#0", "Shenandoah GC T"})
    EXPECT_EQ(class_of(name), ThreadClass::kCollector) << name;
  for (const char* name : {"C1 CompilerThre", "C2 CompilerThre"}) EXPECT_EQ(class_of(name), ThreadClass::kCompiler) << name;
  for (const char* name : {"VM Periodic Tas", "Monitor Deflati", "G1 Service", "ZStat"})
    EXPECT_EQ(class_of(name), ThreadClass::kPeriodic) << name;
}

TEST(ThreadClassTest, OthersAreOrdinary) {
  for (const char* name : {"", "java", "main", "G1 Conc#0", "G1 Main Marker", "G1 Refine#0", "ZDirector", "ZDriver",
                           "Shenandoah Cont", "Finalizer", "GC Thread", "VM", "http-nio-8080-e"})
    EXPECT_EQ(class_of(name), ThreadClass::kOrdinary) << name;
}

TEST(ThreadClassTest, ACollectorsPauseIsWhatAPauseWorkerWokeItFor) {
  EXPECT_TRUE(in_pause_after_wake(ThreadClass::kCollector, true));
  EXPECT_FALSE(in_pause_after_wake(ThreadClass::kCollector, false));
  EXPECT_TRUE(in_pause_after_wake(ThreadClass::kPauseWorker, false));
  // The VM thread wakes the application's threads, too, at the end of a pause.
  EXPECT_FALSE(in_pause_after_wake(ThreadClass::kOrdinary, true));
  EXPECT_FALSE(in_pause_after_wake(ThreadClass::kCompiler, true));
}

TEST(ThreadClassTest, APauseWorkerHasCreditForWhatOthersHad) {
  EXPECT_EQ(place_waking(0, kQueue, ThreadClass::kPauseWorker, true), kQueue - kPauseCredit);
  // One that has had its time lately gets none.
  EXPECT_EQ(place_waking(kQueue, kQueue, ThreadClass::kPauseWorker, true), kQueue);
  EXPECT_EQ(place_waking(0, kQueue, ThreadClass::kCollector, true), kQueue - kPauseCredit);
  EXPECT_EQ(place_waking(0, kQueue, ThreadClass::kCollector, false), place_waking(0, kQueue));
  EXPECT_GT(kPauseCredit, kSleeperCredit);
}

TEST(ThreadClassTest, ACompilerThatWakesPreemptsNobody) {
  const VirtualRuntime place = place_waking(0, kQueue, ThreadClass::kCompiler, false);
  EXPECT_FALSE(waking_preempts(place, kQueue));
  // And waits for a bounded time only.
  EXPECT_LE(place, kQueue + kTick.nanoseconds());
}

TEST(ThreadClassTest, PeriodicThreadsWakeAtCommonMoments) {
  const Instant now = Instant::from_nanoseconds(1'003'000'000);
  const Instant first = batched(now + ms(60), now, ThreadClass::kPeriodic);
  EXPECT_EQ(first, Instant::from_nanoseconds(1'100'000'000));
  EXPECT_EQ(batched(now + ms(90), now, ThreadClass::kPeriodic), first);
  EXPECT_EQ(batched(first, now, ThreadClass::kPeriodic), first);
  // Never earlier, and never later by a batch.
  for (int wait = 50; wait < 400; wait += 7) {
    const Instant deadline = now + ms(wait);
    EXPECT_GE(batched(deadline, now, ThreadClass::kPeriodic), deadline);
    EXPECT_LT(batched(deadline, now, ThreadClass::kPeriodic) - deadline, kBatch);
  }
}

// Waits of HotSpot's periodic thread are its period less what its last turn took.
TEST(ThreadClassTest, APeriodOfABatchIsBatchedThoughItsTurnsTakeTime) {
  const Instant now = Instant::from_nanoseconds(1'003'000'000);
  EXPECT_EQ(batched(now + ms(49), now, ThreadClass::kPeriodic), Instant::from_nanoseconds(1'100'000'000));
}

TEST(ThreadClassTest, ShortWaitsAndOthersWaitsEndInTime) {
  const Instant now = Instant::from_nanoseconds(1'003'000'000);
  EXPECT_EQ(batched(now + ms(10), now, ThreadClass::kPeriodic), now + ms(10));
  EXPECT_EQ(batched(now + ms(60), now, ThreadClass::kOrdinary), now + ms(60));
  EXPECT_EQ(batched(now + ms(60), now, ThreadClass::kPauseWorker), now + ms(60));
}

}  // namespace
}  // namespace mokapot::policy
