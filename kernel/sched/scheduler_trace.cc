// SPDX-License-Identifier: Apache-2.0
//
// The scheduler's trace: a line in the log for each thread that a CPU turns to, for each that has a class
// (thread_class.h), and for each wait that is made to end with others. Any context in which the log may be written to.

#include "arch/cpu.h"
#include "sched/scheduler.h"
#include "sched/thread_class.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constinit bool trace_wanted = false;  // const after boot

const char* word_of(SwitchCause cause) {
  switch (cause) {
    case SwitchCause::kBlocks: return "blocks";
    case SwitchCause::kPreempted: return "is preempted";
    case SwitchCause::kYields: return "yields";
    case SwitchCause::kExits: return "exits";
  }
  return "";
}

const char* class_word(const Thread& thread) {
  return thread.in_pause() ? name_of(policy::ThreadClass::kPauseWorker) : name_of(thread.thread_class());
}

}  // namespace

void trace_scheduler() { trace_wanted = true; }
bool Scheduler::traced() { return trace_wanted; }

void Scheduler::trace_switch(const Thread& previous, const Thread& next, SwitchCause cause) {
  LOG_INFO("scheduler: cpu %u: %s (%s) %s, %s (%s) runs", arch::current_cpu().index(), previous.name(), class_word(previous),
           word_of(cause), next.name(), class_word(next));
}

void Scheduler::trace_class(const Thread& thread) {
  LOG_INFO("scheduler: %s is of class %s", thread.name(), name_of(thread.thread_class()));
}

void Scheduler::trace_batched(const Thread& thread, Duration later) {
  LOG_INFO("scheduler: %s wakes %ld us later, with others", thread.name(), later.nanoseconds() / 1000);
}

}  // namespace mokapot
