// SPDX-License-Identifier: Apache-2.0
//
// lwIP's timers: a handful of functions that each want to be called every so often, some only while there is
// something to time. Core lock.
#pragma once

#include "base/types.h"
#include "net/stack.h"

namespace mokapot {

// Calls what is due. Returns when the next is, or never.
Instant run_due_timers(Instant now) REQUIRES(net_core_lock());

// Whether a timer has begun to run that the last answer of run_due_timers does not cover; any context. Whoever
// makes it run wakes the network thread.
bool take_timers_changed();

}  // namespace mokapot
