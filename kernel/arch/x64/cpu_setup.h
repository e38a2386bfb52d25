// SPDX-License-Identifier: Apache-2.0
//
// Parts of CPU set-up that arch/x64's files share.
#pragma once

#include "arch/cpu.h"

namespace mokapot::arch {

inline constexpr std::uint64_t kCr4Xsave = 1 << 18;  // OSXSAVE

CpuLocal& local_block_of(CpuId cpu);
bool manages_xsave();  // the CPU has XSAVE, and it has not been forgone
// Enables XSAVE and every component but AMX and protection keys. Each CPU once.
void initialise_extended_state_on_this_cpu();

}  // namespace mokapot::arch
