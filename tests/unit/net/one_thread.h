// SPDX-License-Identifier: Apache-2.0
//
// What a test may ask one_thread.cc.
#pragma once

namespace mokapot {

// Any sleeping lock of the kernel's.
bool holds_a_lock();

}  // namespace mokapot
