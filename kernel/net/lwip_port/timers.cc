// SPDX-License-Identifier: Apache-2.0
//
// A timer whose function has nothing to do is not run: an idle VM is to stay asleep. IGMP's and MLD's tick ten
// times a second, but only while a group waits to be reported; the Ethernet ones not at all without a device.
#include "net/lwip_port/timers.h"

#include <atomic>

#include "net/network_thread.h"
#include "net/tcp_recovery.h"
#include "time/clock.h"

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"

namespace mokapot {
namespace {

bool connections_exist() { return tcp_active_pcbs != nullptr || tcp_tw_pcbs != nullptr; }
// Loopback comes first, so anything else has a successor.
bool devices_exist() { return netif_list != nullptr && netif_list->next != nullptr; }

bool multicast_reports_pend() {
  netif* interface = nullptr;
  NETIF_FOREACH(interface) {
    for (igmp_group* group = netif_igmp_data(interface); group != nullptr; group = group->next)
      if (group->timer > 0) return true;
  }
  return false;
}
bool listener_reports_pend() {
  netif* interface = nullptr;
  NETIF_FOREACH(interface) {
    for (mld_group* group = netif_mld6_data(interface); group != nullptr; group = group->next)
      if (group->timer > 0) return true;
  }
  return false;
}

struct CyclicTimer {
  void (*function)();
  std::int64_t interval_milliseconds;
  bool (*needed)();
  Instant due = Instant::never();  // never: not running
};

constinit CyclicTimer timers[] = {
    {tcp_tmr, TCP_TMR_INTERVAL, connections_exist},
    {ip_reass_tmr, IP_TMR_INTERVAL, devices_exist},
    {ip6_reass_tmr, IP6_REASS_TMR_INTERVAL, devices_exist},
    {etharp_tmr, ARP_TMR_INTERVAL, devices_exist},
    {nd6_tmr, ND6_TMR_INTERVAL, devices_exist},
    {dhcp_fine_tmr, DHCP_FINE_TIMER_MSECS, devices_exist},
    {dhcp_coarse_tmr, DHCP_COARSE_TIMER_MSECS, devices_exist},
    {igmp_tmr, IGMP_TMR_INTERVAL, multicast_reports_pend},
    {mld6_tmr, MLD6_TMR_INTERVAL, listener_reports_pend},
};
constinit std::atomic<bool> timers_changed{false};  // a note only: what it tells of is under the core lock

Instant next_tick(const CyclicTimer& timer, Instant from) {
  return from + Duration::milliseconds(timer.interval_milliseconds);
}

}  // namespace

Instant run_due_timers(Instant now) {
  Instant next = run_tcp_recovery(now);
  for (CyclicTimer& timer : timers) {
    if (timer.due <= now) {
      timer.function();
      // Late by more than a period: the ticks missed are not made up for, or a VM that was stopped would run
      // through hours of them.
      const Instant regular = next_tick(timer, timer.due);
      timer.due = regular > now ? regular : next_tick(timer, now);
    }
    if (!timer.needed()) timer.due = Instant::never();
    else if (timer.due.is_never()) timer.due = next_tick(timer, now);
    if (timer.due < next) next = timer.due;
  }
  return next;
}

bool take_timers_changed() {
  return timers_changed.load(std::memory_order_relaxed) && timers_changed.exchange(false, std::memory_order_acquire);
}

}  // namespace mokapot

using namespace mokapot;

extern "C" {

// The tables have all that there is to begin with.
void sys_timeouts_init() {}

// lwIP calls it for every new connection.
void tcp_timer_needed() {
  if (!timers[0].due.is_never()) return;
  timers[0].due = next_tick(timers[0], now());
  timers_changed.store(true, std::memory_order_release);
  wake_network_thread();
}

}  // extern "C"
