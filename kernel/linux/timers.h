// SPDX-License-Identifier: Apache-2.0
//
// The application's interval and POSIX timers (sys_timer.cc).
#pragma once

namespace mokapot {

void initialise_application_timers();  // boot, before the first task runs

}  // namespace mokapot
