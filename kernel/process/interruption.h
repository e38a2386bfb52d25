// SPDX-License-Identifier: Apache-2.0
//
// Whether a wait that was interrupted has to end.
#pragma once

namespace mokapot {

// For the calling task, after a wait ended with WakeReason::kInterrupted. True: a signal waits to be delivered
// to it, or the process ends. False: the signal has gone elsewhere (a signal to the process that another
// task has taken), the mark is cleared, and the wait is to go on as if nothing had been. Calls with a
// relative time-out need this: restarted whole, they would sleep too long.
bool signal_ends_wait();

}  // namespace mokapot
