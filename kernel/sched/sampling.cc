// SPDX-License-Identifier: Apache-2.0
//
// Samples of what busy CPUs do (time_split.h). A CPU takes them from when it leaves idleness until one finds it idle; then
// it pauses, so that a machine which is woken for short work now and then is not woken for samples, too.
//
// Contexts: begin_sampling behind a switch, interrupts off and no queue locked; handle_sample in the timer interrupt.

#include <algorithm>

#include "arch/cpu.h"
#include "sched/scheduler.h"
#include "sched/time_split.h"
#include "time/clock.h"

namespace mokapot {
namespace {

constinit TimeSplit of_cpus[kMaxCpus];
constinit TimeSplit of_application;

}  // namespace

TimeSplit& split_of_cpu(CpuId cpu) { return of_cpus[cpu.index()]; }
TimeSplit& split_of_application() { return of_application; }

void Scheduler::begin_sampling(SchedulerCpu& cpu) {
  cpu.begins_to_compute = false;
  if (cpu.sample.armed()) return;
  cpu.sample.arm(std::max(now() + policy::kSamplePeriod, cpu.idle_sample + policy::kSamplePause));
}

void Scheduler::handle_sample() {
  SchedulerCpu& cpu = mine();
  const Instant time = now();
  if (cpu.queue.current_is_idle()) {
    cpu.idle_sample = time;
    return;
  }
  Thread& thread = cpu.queue.current();
  const TimeSplit::Side side = arch::interrupted_application() ? TimeSplit::Side::kApplication : TimeSplit::Side::kKernel;
  thread.split_.count(side);
  if (thread.runs_ == Runs::kApplication) of_application.count(side);
  split_of_cpu(arch::current_cpu()).count(side);
  cpu.sample.arm(time + policy::kSamplePeriod);
}

}  // namespace mokapot
