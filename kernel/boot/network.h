// SPDX-License-Identifier: Apache-2.0
//
// Starts the network by what the command line says.
#pragma once

#include <string_view>

namespace mokapot {

// After the drivers and the control channel, before the application. Does not wait for addresses. False, and why in
// `problem`: it cannot be started.
bool start_network_as_told(std::string_view command_line, std::string_view hostname, char* problem, std::size_t size);

// After the file systems: /etc/resolv.conf, where there is a network and the image has no such file.
void publish_resolver_configuration();

}  // namespace mokapot
