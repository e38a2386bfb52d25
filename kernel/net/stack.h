// SPDX-License-Identifier: Apache-2.0
//
// The TCP/IP stack: lwIP under one lock. Whoever calls lwIP's raw API ("lwip/tcp.h" and its kin), from whatever
// thread, does so inside a NetCoreGuard; callbacks of lwIP run inside the guard of the thread that caused them.
// Buffers alone (pbuf_ref, pbuf_free, their contents) need no lock.
//
// Packets that were queued for sending, loopback's packets and wakes that were put off go out when the guard ends,
// once for all of them: what a thread does under one guard is one batch.
//
// Lock: net_core_lock(), a sleeping one, rank kNetCore. Contexts: thread.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "base/result.h"
#include "base/types.h"
#include "sched/mutex.h"
#include "sched/wake_list.h"

namespace mokapot {

Mutex& net_core_lock();

class SCOPED_CAPABILITY NetCoreGuard {
 public:
  NetCoreGuard() ACQUIRE(net_core_lock());
  ~NetCoreGuard() RELEASE();
  NetCoreGuard(const NetCoreGuard&) = delete;
  NetCoreGuard& operator=(const NetCoreGuard&) = delete;

 private:
  friend void wake_after_net_core(Thread& thread);
  WakeList wakes_;  // before guard_, so that it ends, and wakes, after the lock is free
  MutexGuard guard_;
};

// Boot: the lock, lwIP's tables and the loopback interface; kENOMEM. Devices come with start_network().
Result<void> initialise_stack();

// Threads to be woken when the current guard ends, so that they do not run into the lock at once.
void wake_after_net_core(Thread& thread) REQUIRES(net_core_lock());

}  // namespace mokapot
