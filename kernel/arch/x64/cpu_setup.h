// SPDX-License-Identifier: Apache-2.0
//
// Parts of CPU set-up that arch/x64's files share.
#pragma once

#include "arch/cpu.h"

namespace mokapot::arch {

CpuLocal& local_block_of(CpuId cpu);
// Enables XSAVE and every component but AMX and protection keys. Each CPU once.
void initialise_extended_state_on_this_cpu();

}  // namespace mokapot::arch
