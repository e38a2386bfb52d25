// SPDX-License-Identifier: Apache-2.0
//
// Which context this is: thread > no-preempt > interrupt > NMI. A function that may block says so on
// its first line with ASSERT_MAY_BLOCK().
#pragma once

#include "arch/cpu.h"
#include "base/assert.h"

#define ASSERT_MAY_BLOCK()                                                      \
  ASSERT(!::mokapot::arch::in_interrupt() && ::mokapot::arch::preempt_count() == 0)
