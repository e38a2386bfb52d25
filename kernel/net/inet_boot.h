// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mokapot {

// Boot, after initialise_stack() and before the first socket.
void initialise_inet_sockets();

}  // namespace mokapot
