// SPDX-License-Identifier: Apache-2.0
//
// Calls on other CPUs.
//
// Each CPU has one outgoing request at most: the caller stays on its CPU until all have answered, and
// interrupt handlers make no calls. So no list and no lock is needed: a caller publishes its request in
// its own slot, sets its bit in the mailbox of each target and interrupts those whose mailbox was empty.
// The last that a target does with a request is to clear its own bit in `remaining`.
//
// No deadlock: a waiting caller has interrupts on, and looks at its own mailbox besides.

#include <atomic>
#include <bit>

#include "irq/irq.h"
#include "sync/spin_wait.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

struct CallRequest {
  void (*function)(void*);
  void* argument;
  std::atomic<CpuMask> remaining;  // targets that have not run it yet
};

struct Mailbox {
  std::atomic<CallRequest*> outgoing{nullptr};  // this CPU's request while it waits
  std::atomic<CpuMask> senders{0};              // CPUs whose request this CPU has yet to run
};
constinit PerCpu<Mailbox> mailboxes;

// Runs what has been sent to this CPU. Interrupts off.
void serve_calls() {
  const CpuId self = arch::current_cpu();
  // Acquire, with the release of the sender's fetch_or: its request is complete.
  CpuMask senders = mailboxes.mine().senders.exchange(0, std::memory_order_acq_rel);
  for (; senders != 0; senders &= senders - 1) {
    const CpuId sender(static_cast<std::uint32_t>(std::countr_zero(senders)));
    CallRequest* request = mailboxes.of(sender).outgoing.load(std::memory_order_acquire);
    request->function(request->argument);
    // Release: the caller sees what function did. The request may be gone from here on.
    request->remaining.fetch_and(~cpu_bit(self), std::memory_order_release);
  }
}

}  // namespace

void initialise_cross_calls() {
  set_vector_handler(kCallVector, [](void*) { serve_calls(); }, nullptr);
}

void call_on_cpus(CpuMask mask, void (*function)(void*), void* argument) {
  ASSERT(arch::interrupts_enabled() && !arch::in_interrupt());
  PreemptGuard stay;
  const CpuId self = arch::current_cpu();
  const CpuMask online = online_cpus();
  const CpuMask others = mask & online & ~cpu_bit(self);
  CallRequest request{function, argument, others};
  if (others != 0) {
    mailboxes.mine().outgoing.store(&request, std::memory_order_release);
    CpuMask to_interrupt = 0;
    for (CpuMask left = others; left != 0; left &= left - 1) {
      const CpuId target(static_cast<std::uint32_t>(std::countr_zero(left)));
      const CpuMask before =
          mailboxes.of(target).senders.fetch_or(cpu_bit(self), std::memory_order_acq_rel);
      // A mailbox that was not empty has an interrupt under way, sent by who filled it first.
      if (before == 0) to_interrupt |= cpu_bit(target);
    }
    CpuInterruptController& controller = cpu_interrupt_controller();
    if (std::popcount(to_interrupt) > 1 && to_interrupt == (online & ~cpu_bit(self))) {
      controller.send_to_others(kCallVector);
    } else {
      for (CpuMask left = to_interrupt; left != 0; left &= left - 1) {
        controller.send_to_cpu(CpuId(static_cast<std::uint32_t>(std::countr_zero(left))), kCallVector);
      }
    }
  }
  if ((mask & cpu_bit(self)) != 0) {
    InterruptGuard as_a_handler_runs;
    function(argument);
  }
  SpinWait wait;
  while (request.remaining.load(std::memory_order_acquire) != 0) {
    if (mailboxes.mine().senders.load(std::memory_order_relaxed) != 0) {
      InterruptGuard as_a_handler_runs;
      serve_calls();
    }
    wait();
  }
}

}  // namespace mokapot
