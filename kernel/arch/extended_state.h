// SPDX-License-Identifier: Apache-2.0
//
// What signal frames need of the vector state beyond arch/context.h. Areas as there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mokapot::arch {

std::uint64_t extended_state_components();  // XCR0
// As save_extended_state, but writes every component, whatever the area held before.
void save_extended_state_whole(void* area);
// Makes an area that came from the application safe to restore; false if it is not one.
bool sanitise_extended_state(void* area);

}  // namespace mokapot::arch
