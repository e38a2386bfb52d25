// SPDX-License-Identifier: Apache-2.0
#include "net/stack.h"

#include <atomic>
#include <bit>

#include "base/global.h"
#include "net/ethernet_interface.h"

#include "lwip/init.h"
#include "lwip/netif.h"

namespace mokapot {
namespace {

constinit Global<Mutex> core_lock;

}  // namespace

// Newest first.
struct PostedWork {
  std::atomic<NetCoreWork*> newest{nullptr};

  void push(NetCoreWork& work) {
    work.next_ = newest.load(std::memory_order_relaxed);
    // Sequentially consistent, against the holder's look after it has let go: either the lock is found free, or the
    // holder sees the work.
    while (!newest.compare_exchange_weak(work.next_, &work, std::memory_order_seq_cst)) {
    }
  }
  void run_all() REQUIRES(net_core_lock()) {
    if (newest.load(std::memory_order_relaxed) == nullptr) return;
    NetCoreWork* work = newest.exchange(nullptr, std::memory_order_acquire);
    while (work != nullptr) {
      NetCoreWork* next = work->next_;  // it may be posted again, or be gone, once it has run
      work->run_in_core();
      work = next;
    }
  }
};

namespace {

constinit PostedWork posted;

// The end of what was done under the lock. Which interfaces' devices are to be notified when it is free, one bit each.
unsigned finish_batch() REQUIRES(net_core_lock()) {
  // Loopback first: what its packets give rise to may go out to a device, and the other way round it cannot be.
  netif_poll_all();
  posted.run_all();
  unsigned due = 0;
  for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i)
    if (interface->flush()) due |= 1u << i;
  return due;
}

// Leaves it to the lock's holder, if there is one: it looks again when it has let go.
void serve_posted() NO_THREAD_SAFETY_ANALYSIS {
  while (posted.newest.load(std::memory_order_seq_cst) != nullptr) {
    DeviceNotification devices;
    TryMutexGuard guard(net_core_lock());
    if (!guard.held()) return;
    devices.begin(finish_batch());
  }
}

}  // namespace

Mutex& net_core_lock() { return *core_lock; }

NetCoreGuard::NetCoreGuard() : guard_(net_core_lock()) {}

void DeviceNotification::begin(unsigned devices) {
  devices_ = devices;
  if (devices == 0) return;
  stay_.emplace();
  kicks_.emplace();
}

DeviceNotification::~DeviceNotification() {
  if (devices_ == 0) return;
  kicks_.reset();  // who waits for the lock goes on meanwhile
  for (; devices_ != 0; devices_ &= devices_ - 1)
    ethernet_interface(static_cast<std::size_t>(std::countr_zero(devices_)))->notify();
}

NetCoreGuard::~NetCoreGuard() { devices_.begin(finish_batch()); }

// The mutex's release has a barrier between its store and its look for waiters, which comes before this look.
NetCoreGuard::Latecomers::~Latecomers() { serve_posted(); }

void run_after_batch(NetCoreWork& work) { posted.push(work); }

void run_in_net_core(NetCoreWork& work) {
  posted.push(work);
  serve_posted();
}

Result<void> initialise_stack() {
  core_lock.construct(LockRank::kNetCore);
  const NetCoreGuard core;
  lwip_init();
  return {};
}

}  // namespace mokapot
