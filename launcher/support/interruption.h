// SPDX-License-Identifier: Apache-2.0
//
// SIGINT, SIGTERM and SIGHUP as a state that long work looks at, so that it ends by its usual way
// out and takes along what it left half done. The second signal ends the process as ever.
#pragma once

#include "support/result.h"

namespace moka {

// From here on the first of those signals only interrupts. Those that were ignored stay so.
void take_interruptions();

bool is_interrupted();
// The error to return then.
Error interrupted();

// Where a signal came: dies by it, so that whoever started us sees it.
void die_if_interrupted();

}  // namespace moka
