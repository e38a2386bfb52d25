// SPDX-License-Identifier: Apache-2.0
//
// What the stack needs of the kernel, on the host and with one thread: locks that are always free, waits that end at
// once, memory of which everything may be sent from where it lies, and the fake clock.
#include "net/one_thread.h"

#include "net/checksum.h"
#include "net/network_thread.h"
#include "net/stack.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "time/clock.h"

#include "lwip/sys.h"

namespace mokapot {

namespace {
int locks = 0;
}
bool holds_a_lock() { return locks != 0; }

void Mutex::lock() { ++locks; }
bool Mutex::try_lock() {
  ++locks;
  return true;
}
void Mutex::unlock() { --locks; }
bool Mutex::held_by_current_thread() const { return true; }
Thread::Thread(const char*) {}
Thread::~Thread() = default;
void Thread::wake() {}
Waiter::Waiter() : callback_(nullptr), context_(nullptr) {}
Waiter::~Waiter() = default;
void WaitQueue::add(Waiter&) {}
void WaitQueue::remove(Waiter&) {}
void WaitQueue::wake_all() {}
void prepare_to_block() {}
void cancel_block() {}
WakeReason block(Instant, Interruptible) { return WakeReason::kInterrupted; }
void wake_network_thread() {}

bool is_readable_by_devices(PhysAddr) { return true; }
PhysAddr from_direct_map(const void* pointer) { return PhysAddr(reinterpret_cast<std::uint64_t>(pointer)); }

}  // namespace mokapot

extern "C" {

struct pbuf;
// For netif_input(), which nobody calls.
signed char ethernet_input(pbuf*, struct netif*) { __builtin_trap(); }
std::uint32_t mokapot_tcp_receive_window = 64 * 1024, mokapot_tcp_send_buffer = 64 * 1024;
u32_t sys_now() { return static_cast<u32_t>(mokapot::now().nanoseconds() / 1'000'000); }
std::uint16_t mokapot_lwip_checksum(const void* bytes, int size) {
  return mokapot::internet_sum(bytes, static_cast<std::size_t>(size));
}

}  // extern "C"
