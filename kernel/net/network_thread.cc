// SPDX-License-Identifier: Apache-2.0
#include "net/network_thread.h"

#include <algorithm>
#include <atomic>

#include "net/address_configuration.h"
#include "net/address_watch.h"
#include "net/ethernet_interface.h"
#include "net/lwip_port/timers.h"
#include "net/netlink_news.h"
#include "net/stack.h"
#include "net/tcp_recovery.h"
#include "sched/thread.h"
#include "time/clock.h"

namespace mokapot {
namespace {

constexpr int kNice = -10;  // what it does is short, and others wait for it

constinit std::atomic<Thread*> thread{nullptr};
constinit std::atomic<bool> work_noted{false};

void run(void*) {
  Instant next_timer;
  while (true) {
    // Acquire-release: what was noted before a wake is seen below.
    work_noted.exchange(false, std::memory_order_acq_rel);
    bool more = false;
    for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i) more |= interface->serve();
    // Packets may have brought deadlines forward.
    next_timer = std::min(next_timer, next_tcp_recovery());
    if (const bool changed = take_timers_changed(); changed || next_timer <= now()) {
      const NetCoreGuard core;
      for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i) interface->reclaim();
      next_timer = run_due_timers(now());
    }
    const Instant next_check = check_address_configuration();
    report_address_news();
    tell_interface_news();
    if (more) {
      yield();
      continue;
    }
    const Instant deadline = next_timer < next_check ? next_timer : next_check;
    prepare_to_block();
    if (work_noted.load(std::memory_order_acquire)) cancel_block();
    else (void)block(deadline, Interruptible::kNo);
  }
}

}  // namespace

Result<void> start_network_thread() {
  RefPtr<Thread> started = TRY(start_kernel_thread("network", run, nullptr));
  started->set_nice(kNice);
  started->set_serves_interrupts();
  thread.store(started.get(), std::memory_order_release);
  started.get()->add_reference();  // kept for ever: interrupts wake it
  return {};
}

void wake_network_thread() {
  work_noted.store(true, std::memory_order_release);
  if (Thread* sleeper = thread.load(std::memory_order_acquire); sleeper != nullptr) sleeper->wake();
}

}  // namespace mokapot
