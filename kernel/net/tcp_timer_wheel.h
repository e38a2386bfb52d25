// SPDX-License-Identifier: Apache-2.0
//
// Which connections have something to do when: retransmission time-outs, probes, losses that reordering might explain.
// A wheel of slots, so that arming and disarming cost the same however many connections there are. Nobody is woken
// for an earlier deadline: the network thread looks whenever it runs, which acknowledgements make it do, and at the
// latest with TCP's tick.
//
// Lock: core lock. Contexts: thread.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "net/stack.h"

#include "lwip/tcp.h"

namespace mokapot {

class TcpTimerWheel {
 public:
  constexpr TcpTimerWheel() = default;

  // Armed already: the earlier one counts unless `move`.
  enum class Move : std::uint8_t { kNo, kYes };
  void arm(tcp_pcb& pcb, Instant due, Move move) REQUIRES(net_core_lock());
  void disarm(tcp_pcb& pcb) REQUIRES(net_core_lock());
  // Calls `run` for each connection whose time has come, disarmed.
  void run_due(Instant now, void (*run)(tcp_pcb&, Instant)) REQUIRES(net_core_lock());
  // When to call again; not before anything is due.
  Instant next(Instant now) const REQUIRES(net_core_lock());

 private:
  static constexpr std::int64_t kSlotNanoseconds = 4'000'000;
  static constexpr std::size_t kSlots = 256;  // a second; what is due later stays in its slot for more than one turn

  void link(tcp_pcb& pcb, tcp_pcb** list);

  tcp_pcb* slots_[kSlots] = {};
  std::uint64_t used_[kSlots / 64] = {};
  std::int64_t done_until_ = 0;  // slots, ever increasing: those before it have been looked at
};

}  // namespace mokapot
