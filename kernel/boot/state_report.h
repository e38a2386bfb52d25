// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says on the serial port when it is asked by NMI what it is doing: the launcher does that to a VM that
// has stopped answering. Each CPU says where it was; the first one also what all threads do.
#pragma once

#include "arch/trap_frame.h"

namespace mokapot {

// Of the calling CPU. NMI context: no lock, no fault.
void report_state(const arch::TrapFrame& frame);

}  // namespace mokapot
