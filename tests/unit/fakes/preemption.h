// SPDX-License-Identifier: Apache-2.0
//
// How often this host thread would have called the scheduler at the end of a no-preempt section.
#pragma once

#include <cstdint>

namespace mokapot::fake {

std::uint64_t& reschedules();

}  // namespace mokapot::fake
