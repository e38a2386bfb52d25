// SPDX-License-Identifier: Apache-2.0
//
// Sets the fake clock. It begins at one second.
#pragma once

#include "base/types.h"

namespace mokapot::fake {

void set_now(Instant instant);
void advance(Duration duration);

}  // namespace mokapot::fake
