// SPDX-License-Identifier: Apache-2.0
//
// Queues of signals that wait for delivery. Standard signals queue once, real-time ones as often as sent.
// Everything is called under the signal lock.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "process/signal_state.h"

namespace mokapot {

// Adds info to queue. kEAGAIN: no memory for a real-time signal (a standard one is then kept without its siginfo).
Result<void> queue_signal(SignalQueue& queue, const SignalInfo& info);
// Takes the next signal of set: synchronous ones first, then by number. False: none.
bool dequeue_signal(SignalQueue& queue, SignalSet set, SignalInfo& info);
void discard_signal(SignalQueue& queue, int signal);
void drop_pending_signals(SignalState& state);

}  // namespace mokapot
