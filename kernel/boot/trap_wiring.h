// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mokapot {

// Registers the kernel's trap handlers with arch. Boot CPU, interrupts off.
void wire_traps();

}  // namespace mokapot
