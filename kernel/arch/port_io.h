// SPDX-License-Identifier: Apache-2.0
//
// The I/O port space of machines that have one. Any context.
#pragma once

#include "arch_impl/port_io.h"  // IWYU pragma: export

namespace mokapot::arch {

std::uint8_t read_port8(std::uint16_t port);
std::uint16_t read_port16(std::uint16_t port);
std::uint32_t read_port32(std::uint16_t port);
void write_port8(std::uint16_t port, std::uint8_t value);
void write_port16(std::uint16_t port, std::uint16_t value);
void write_port32(std::uint16_t port, std::uint32_t value);

}  // namespace mokapot::arch
