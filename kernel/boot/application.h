// SPDX-License-Identifier: Apache-2.0
//
// From the configuration to the program, and from its end to the end of the VM. Runs on the boot thread.
#pragma once

#include "boot/boot_info.h"

namespace mokapot {

[[noreturn]] void run_application(const BootInfo& info);

}  // namespace mokapot
