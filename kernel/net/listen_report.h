// SPDX-License-Identifier: Apache-2.0
//
// Tells whoever boot has named (the launcher, by the control channel) which ports the application listens on.
// Thread context; the reporter may block, no lock is held.
#pragma once

#include "net/port_table.h"

namespace mokapot {

enum class ListenEvent : std::uint8_t { kBegins, kEnds };
using ListenReporter = void (*)(ListenEvent event, InetProtocol protocol, const InetEndpoint& local, V6Only v6_only);

void set_listen_reporter(ListenReporter reporter);  // boot, before the program starts
void report_listening(ListenEvent event, InetProtocol protocol, const InetEndpoint& local, V6Only v6_only);

// The reporter that boot uses: lines of contract/vm_contract.h on the control channel.
void report_to_launcher(ListenEvent event, InetProtocol protocol, const InetEndpoint& local, V6Only v6_only);

}  // namespace mokapot
