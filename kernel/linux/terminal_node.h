// SPDX-License-Identifier: Apache-2.0
//
// The terminal's name, /dev/pts/0: ttyname(3) compares the node with what fstat says of the descriptor, so
// the console's files take over the node's identity.
#pragma once

#include "base/result.h"

namespace mokapot {

// Boot, after the file systems; only where a standard stream is a terminal.
Result<void> make_terminal_node();

}  // namespace mokapot
