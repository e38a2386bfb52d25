// SPDX-License-Identifier: Apache-2.0
//
// TCP ports that the user of the VM published by name: a listener that is bound to the loopback address of such a
// port answers on the network's interfaces too (contract/vm_contract.h, kKeyExpose).
//
// Written at boot, before the program starts, and constant from then on: readers take no lock.
#pragma once

#include <cstdint>

namespace mokapot {

void expose_port(std::uint16_t port);  // boot
bool is_exposed(std::uint16_t port);

}  // namespace mokapot
