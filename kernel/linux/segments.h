// SPDX-License-Identifier: Apache-2.0
//
// System V shared memory (sys_shm.cc).
#pragma once

namespace mokapot {

void initialise_segments();  // boot, before the first task runs

}  // namespace mokapot
