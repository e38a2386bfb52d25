// SPDX-License-Identifier: Apache-2.0
//
// The end of a no-preempt section.

#include "sync/preempt.h"

#include <atomic>

#include "sync/spinlock.h"

namespace mokapot {
namespace {

// Written once by boot before other CPUs run.
constinit std::atomic<void (*)()> reschedule_hook{nullptr};

void reschedule_if_allowed() {
  // In an interrupt the trap's way out looks at the request; with interrupts off whoever turns them on
  // does (InterruptGuard, or the next interrupt). Switching here would break what they rely on.
  if (!arch::interrupts_enabled() || arch::in_interrupt()) return;
  if (auto hook = reschedule_hook.load(std::memory_order_relaxed)) hook();
}

}  // namespace

void set_reschedule_hook(void (*hook)()) { reschedule_hook.store(hook, std::memory_order_relaxed); }

void preempt_enable_and_check() {
  if (arch::preempt_enable()) [[unlikely]] reschedule_if_allowed();
}

}  // namespace mokapot
