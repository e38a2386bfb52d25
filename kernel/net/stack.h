// SPDX-License-Identifier: Apache-2.0
//
// The TCP/IP stack: lwIP under one lock. Whoever calls lwIP's raw API ("lwip/tcp.h" and its kin), from whatever
// thread, does so inside a NetCoreGuard; callbacks of lwIP run inside the guard of the thread that caused them.
// Buffers alone (pbuf_ref, pbuf_free, their contents) need no lock.
//
// Packets that were queued for sending, loopback's packets and posted work are seen to when the guard ends, once for all
// of them: what a thread does under one guard is one batch.
//
// Lock: net_core_lock(), a sleeping one, rank kNetCore. Contexts: thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/annotations.h"
#include "base/result.h"
#include "base/types.h"
#include "sched/kick_batch.h"
#include "sched/mutex.h"

namespace mokapot {

Mutex& net_core_lock();

// Something to be done under the core lock by whoever has it, once the current batch is done: for those who need not
// wait until it is done. The poster keeps the object alive until then.
class NetCoreWork {
 public:
  virtual void run_in_core() REQUIRES(net_core_lock()) = 0;

 protected:
  ~NetCoreWork() = default;

 private:
  friend struct PostedWork;
  NetCoreWork* next_ = nullptr;
};

// Runs it now if the lock is free, else leaves it to the lock's holder. An object may be posted again once it runs.
void run_in_net_core(NetCoreWork& work) EXCLUDES(net_core_lock());
// For the holder itself: runs it when its batch is done.
void run_after_batch(NetCoreWork& work) REQUIRES(net_core_lock());

// Tells devices of what is in their rings once the core lock is free, since that takes long. From begin() on, with the
// lock held, nobody else gets this CPU: others rely on the device's being told. Ends without the lock.
class DeviceNotification {
 public:
  DeviceNotification() = default;
  ~DeviceNotification();
  DeviceNotification(const DeviceNotification&) = delete;
  DeviceNotification& operator=(const DeviceNotification&) = delete;
  void begin(unsigned devices) REQUIRES(net_core_lock());  // one bit for each interface

 private:
  unsigned devices_ = 0;
  std::optional<PreemptGuard> stay_;
  std::optional<KickBatch> kicks_;
};

class SCOPED_CAPABILITY NetCoreGuard {
 public:
  NetCoreGuard() ACQUIRE(net_core_lock());
  ~NetCoreGuard() RELEASE();
  NetCoreGuard(const NetCoreGuard&) = delete;
  NetCoreGuard& operator=(const NetCoreGuard&) = delete;

 private:
  // What was posted when the guard had looked already and had not yet let go.
  struct Latecomers {
    ~Latecomers();
  };
  Latecomers latecomers_;        // before guard_, as the next, so that they come after: last,
  DeviceNotification devices_;   // and first
  MutexGuard guard_;
};

// Boot: the lock, lwIP's tables and the loopback interface; kENOMEM. Devices come with start_network().
Result<void> initialise_stack();

}  // namespace mokapot
