// SPDX-License-Identifier: Apache-2.0
//
// The thread that receives packets and runs the stack's timers. Threads of the application send for themselves.
#pragma once

#include "base/result.h"

namespace mokapot {

Result<void> start_network_thread();  // boot; kENOMEM
void wake_network_thread();           // any context but NMI; it looks at all there is to do

}  // namespace mokapot
