// SPDX-License-Identifier: Apache-2.0
#include "net/stack.h"

#include "base/global.h"
#include "net/ethernet_interface.h"

#include "lwip/init.h"
#include "lwip/netif.h"

namespace mokapot {
namespace {

constinit Global<Mutex> core_lock;
// Of the thread that holds the lock; written by it alone.
constinit NetCoreGuard* current_guard = nullptr;

}  // namespace

Mutex& net_core_lock() { return *core_lock; }

NetCoreGuard::NetCoreGuard() : guard_(net_core_lock()) { current_guard = this; }

NetCoreGuard::~NetCoreGuard() {
  // Loopback first: what its packets give rise to may go out to a device, and the other way round it cannot be.
  netif_poll_all();
  for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i) interface->flush();
  current_guard = nullptr;
}

Result<void> initialise_stack() {
  core_lock.construct(LockRank::kNetCore);
  const NetCoreGuard core;
  lwip_init();
  return {};
}

void wake_after_net_core(Thread& thread) { current_guard->wakes_.add(thread); }

}  // namespace mokapot
