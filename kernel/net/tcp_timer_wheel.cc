// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_timer_wheel.h"

#include <algorithm>

namespace mokapot {

void TcpTimerWheel::link(tcp_pcb& pcb, tcp_pcb** list) {
  mokapot_tcp_recovery& timer = pcb.recovery;
  timer.timer_next = *list;
  timer.timer_link = list;
  if (*list != nullptr) (*list)->recovery.timer_link = &timer.timer_next;
  *list = &pcb;
}

void TcpTimerWheel::arm(tcp_pcb& pcb, Instant due, Move move) {
  mokapot_tcp_recovery& timer = pcb.recovery;
  if (timer.timer_link != nullptr) {
    if (timer.timer_due == due.nanoseconds() || (move == Move::kNo && timer.timer_due < due.nanoseconds())) return;
    disarm(pcb);
  }
  // Rounded up, so that what a slot has is due when the slot is.
  const std::int64_t slot = std::max((due.nanoseconds() + kSlotNanoseconds - 1) / kSlotNanoseconds, done_until_);
  timer.timer_due = due.nanoseconds();
  timer.timer_slot = static_cast<std::uint8_t>(slot % kSlots);
  link(pcb, &slots_[timer.timer_slot]);
  used_[timer.timer_slot / 64] |= std::uint64_t{1} << timer.timer_slot % 64;
}

void TcpTimerWheel::disarm(tcp_pcb& pcb) {
  mokapot_tcp_recovery& timer = pcb.recovery;
  if (timer.timer_link == nullptr) return;
  *timer.timer_link = timer.timer_next;
  if (timer.timer_next != nullptr) timer.timer_next->recovery.timer_link = timer.timer_link;
  timer.timer_link = nullptr;
  if (slots_[timer.timer_slot] == nullptr) used_[timer.timer_slot / 64] &= ~(std::uint64_t{1} << timer.timer_slot % 64);
}

void TcpTimerWheel::run_due(Instant now, void (*run)(tcp_pcb&, Instant)) {
  const std::int64_t end = now.nanoseconds() / kSlotNanoseconds + 1;
  // After a long pause one turn sees every slot.
  std::int64_t slot = std::max(done_until_, end - static_cast<std::int64_t>(kSlots));
  done_until_ = std::max(done_until_, end);
  for (; slot < end; ++slot) {
    const auto index = static_cast<std::size_t>(slot) % kSlots;
    if (slots_[index] == nullptr) continue;
    // What is armed meanwhile comes into slots that are not looked at now.
    tcp_pcb* pending = slots_[index];
    pending->recovery.timer_link = &pending;
    slots_[index] = nullptr;
    used_[index / 64] &= ~(std::uint64_t{1} << index % 64);
    while (pending != nullptr) {
      tcp_pcb& pcb = *pending;
      pending = pcb.recovery.timer_next;
      if (pending != nullptr) pending->recovery.timer_link = &pending;
      pcb.recovery.timer_link = nullptr;
      if (pcb.recovery.timer_due <= now.nanoseconds()) {
        run(pcb, now);
      } else {  // in a later turn
        link(pcb, &slots_[index]);
        used_[index / 64] |= std::uint64_t{1} << index % 64;
      }
    }
  }
}

Instant TcpTimerWheel::next(Instant now) const {
  const std::int64_t from = std::max(done_until_, now.nanoseconds() / kSlotNanoseconds);
  for (std::size_t ahead = 0; ahead < kSlots;) {
    const std::size_t index = (static_cast<std::size_t>(from) + ahead) % kSlots;
    const std::uint64_t bits = used_[index / 64] >> index % 64;
    if (bits != 0) {
      ahead += static_cast<std::size_t>(__builtin_ctzll(bits));
      return Instant::from_nanoseconds((from + static_cast<std::int64_t>(ahead)) * kSlotNanoseconds);
    }
    ahead += 64 - index % 64;
  }
  return Instant::never();
}

}  // namespace mokapot
