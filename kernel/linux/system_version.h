// SPDX-License-Identifier: Apache-2.0
//
// What this system says that it is: uname(2), /proc/version, /proc/sys/kernel. glibc refuses kernels older
// than its baseline; the ABI here is that of a current long-term kernel.
#pragma once

#define MOKAPOT_SYSTEM_RELEASE "6.1.0-mokapot"
#define MOKAPOT_SYSTEM_VERSION "#1 SMP PREEMPT Mokapot"
