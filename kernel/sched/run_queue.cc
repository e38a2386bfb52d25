// SPDX-License-Identifier: Apache-2.0
//
// See run_queue.h.

#include "sched/run_queue.h"

#include <algorithm>

namespace mokapot {

void RunQueue::begin(Thread& current, Thread& idle, Instant now) {
  current_ = &current;
  idle_ = &idle;
  current.scheduling_.place = Thread::Place::kRunning;
  current.scheduling_.running_since = now;
  publish_load();
}

void RunQueue::account(Instant now) {
  Thread::Scheduling& running = current_->scheduling_;
  const Duration used = now - running.running_since;
  running.running_since = now;
  // A clock that steps back between CPUs must not make time negative.
  if (used <= Duration()) return;
  running.used = running.used + used;
  if (current_ == idle_) {
    idle_time_ = idle_time_ + used;
    return;
  }
  busy_ = busy_ + used;
  running.virtual_runtime += policy::charge(used, running.weight);
  advance_minimum();
}

void RunQueue::advance_minimum() {
  policy::VirtualRuntime least = current_->scheduling_.virtual_runtime;
  if (Thread* next = first()) {
    const policy::VirtualRuntime waiting = next->scheduling_.virtual_runtime;
    least = current_ == idle_ ? waiting : std::min(least, waiting);
  } else if (current_ == idle_) {
    return;
  }
  // Never back, or a thread that sleeps across the step would gain by it.
  minimum_ = std::max(minimum_, least);
}

void RunQueue::insert(Thread& thread) {
  DASSERT(thread.scheduling_.place == Thread::Place::kOff);
  thread.scheduling_.place = Thread::Place::kWaiting;
  waiting_.insert(thread);
  count_urgent(thread, thread.in_pause());
  // Sequentially consistent: the idle CPU sets "I do not poll any more" and then reads this; whoever adds a
  // thread writes this and then reads whether the CPU polls. One of the two sees the other.
  waiting_count_.store(waiting_count_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  publish_load();
}

void RunQueue::remove(Thread& thread) {
  if (thread.scheduling_.place == Thread::Place::kWaiting) {
    waiting_.erase(waiting_.iterator_to(thread));
    waiting_count_.store(waiting_count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  thread.scheduling_.place = Thread::Place::kOff;
  count_urgent(thread, false);
  publish_load();
}

void RunQueue::begin_wait(Thread& thread) { thread.scheduling_.waiting_since = current_->scheduling_.running_since; }

void RunQueue::requeue_current() {
  current_->scheduling_.place = Thread::Place::kOff;
  count_urgent(*current_, false);
  insert(*current_);
  begin_wait(*current_);
}

void RunQueue::set_current(Thread& thread, Instant now) {
  if (thread.scheduling_.place == Thread::Place::kWaiting) remove(thread);
  current_ = &thread;
  count_urgent(thread, thread.in_pause());
  thread.scheduling_.place = Thread::Place::kRunning;
  thread.scheduling_.running_since = now;
  if (Instant& since = thread.scheduling_.waiting_since; since != Instant()) {
    if (now > since) thread.scheduling_.waited = thread.scheduling_.waited + (now - since);  // clocks of two CPUs
    since = Instant();
  }
  switches_.store(switches_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  publish_load();
}

Thread* RunQueue::first() const {
  if (waiting_.empty()) return nullptr;
  // SAFETY: the tree is const only because this function does not change it.
  return const_cast<Thread*>(&*waiting_.begin());
}

Thread* RunQueue::movable_to(CpuId cpu) const {
  // The application waits for it, and here it stands behind another.
  if (urgent() != 0) {
    for (const Thread& candidate : waiting_) {
      if (candidate.in_pause() && (candidate.affinity() & cpu_bit(cpu)) != 0) return const_cast<Thread*>(&candidate);
    }
  }
  for (auto candidate = waiting_.rbegin(); candidate != waiting_.rend(); ++candidate) {
    if ((candidate->affinity() & cpu_bit(cpu)) != 0) return const_cast<Thread*>(&*candidate);
  }
  return nullptr;
}

void RunQueue::begin_move(Thread& thread) {
  if (thread.scheduling_.place != Thread::Place::kOff) remove(thread);
  thread.scheduling_.virtual_runtime -= minimum_;
  thread.scheduling_.place = Thread::Place::kMoving;
}

void RunQueue::end_move(Thread& thread) const {
  thread.scheduling_.virtual_runtime += minimum_;
  thread.scheduling_.place = Thread::Place::kOff;
}

void RunQueue::count_urgent(Thread& thread, bool is_urgent) {
  bool& counted = thread.scheduling_.counted_as_urgent;
  if (counted == is_urgent) return;
  counted = is_urgent;
  const std::uint32_t count = urgent_.load(std::memory_order_relaxed);
  urgent_.store(is_urgent ? count + 1 : count - 1, std::memory_order_relaxed);
}

void RunQueue::publish_load() {
  const std::uint32_t running = current_ != nullptr && current_ != idle_ ? 1 : 0;
  load_.store(waiting_count_.load(std::memory_order_relaxed) + running, std::memory_order_relaxed);
}

}  // namespace mokapot
