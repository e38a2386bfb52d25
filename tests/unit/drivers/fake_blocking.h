// SPDX-License-Identifier: Apache-2.0
//
// A scheduler with one thread: when that blocks, the test's device gets to work.
#pragma once

#include <functional>

namespace mokapot::fake {

// Runs whenever the thread blocks; it should make something happen, or the thread would block for
// ever.
inline std::function<void()> while_blocked;
inline int wakes = 0;  // of wait queues, in all

}  // namespace mokapot::fake
