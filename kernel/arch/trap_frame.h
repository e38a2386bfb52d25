// SPDX-License-Identifier: Apache-2.0
//
// The registers of interrupted code, as the entry stubs lay them on the kernel stack. Other folders use
// the accessors; only arch names registers.
#pragma once

#include "arch_impl/trap_frame.h"  // IWYU pragma: export
