// SPDX-License-Identifier: Apache-2.0
#include "net/exposed_ports.h"

#include <bitset>

namespace mokapot {
namespace {

constinit std::bitset<65536> exposed;

}  // namespace

void expose_port(std::uint16_t port) { exposed.set(port); }
bool is_exposed(std::uint16_t port) { return exposed.test(port); }

}  // namespace mokapot
