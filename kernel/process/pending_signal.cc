// SPDX-License-Identifier: Apache-2.0
#include "process/pending_signal.h"

#include <bit>
#include <new>

namespace mokapot {
namespace {

constexpr int kFirstRealTime = 32;
constexpr SignalSet kSynchronous = signal_bit(4) | signal_bit(5) | signal_bit(7) | signal_bit(8) | signal_bit(11) | signal_bit(31);

int first_of(SignalSet set) {
  const SignalSet synchronous = set & kSynchronous;
  return std::countr_zero(synchronous != 0 ? synchronous : set) + 1;
}

}  // namespace

Result<void> queue_signal(SignalQueue& queue, const SignalInfo& info) {
  const SignalSet bit = signal_bit(info.signal);
  const SignalSet pending = queue.set.load(std::memory_order_relaxed);
  if (info.signal < kFirstRealTime && (pending & bit) != 0) return {};
  auto* entry = new (std::nothrow) PendingSignal;
  if (entry == nullptr && info.signal >= kFirstRealTime) return Errno::kEAGAIN;
  if (entry != nullptr) {
    entry->info = info;
    queue.entries.push_back(*entry);
  }
  queue.set.store(pending | bit, std::memory_order_release);
  return {};
}

bool dequeue_signal(SignalQueue& queue, SignalSet set, SignalInfo& info) {
  const SignalSet pending = queue.set.load(std::memory_order_relaxed) & set;
  if (pending == 0) return false;
  const int signal = first_of(pending);
  PendingSignal* found = nullptr;
  bool more = false;
  for (PendingSignal& entry : queue.entries) {
    if (entry.info.signal != signal) continue;
    if (found != nullptr) {
      more = true;
      break;
    }
    found = &entry;
  }
  if (found != nullptr) {
    info = found->info;
    queue.entries.erase(queue.entries.iterator_to(*found));
    delete found;
  } else {
    info = SignalInfo();  // memory was short when it was sent
    info.signal = signal;
  }
  if (!more) queue.set.fetch_and(~signal_bit(signal), std::memory_order_relaxed);
  return true;
}

void discard_signal(SignalQueue& queue, int signal) {
  queue.set.fetch_and(~signal_bit(signal), std::memory_order_relaxed);
  for (auto it = queue.entries.begin(); it != queue.entries.end();) {
    PendingSignal& entry = *it;
    ++it;
    if (entry.info.signal != signal) continue;
    queue.entries.erase(queue.entries.iterator_to(entry));
    delete &entry;
  }
}

void drop_pending_signals(SignalState& state) {
  while (!state.queue.entries.empty()) {
    PendingSignal& entry = state.queue.entries.front();
    state.queue.entries.pop_front();
    delete &entry;
  }
}

}  // namespace mokapot
