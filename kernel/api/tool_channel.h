// SPDX-License-Identifier: Apache-2.0
//
// Tools of the host: questions come on the port mokapot.tools as streams, and are answered by a kernel thread each
// (contract/vm_contract.h). A stream sends no more than the host allows, so a reader that stalls stops its own thread
// only; what comes from the host is small and read at once. Without the port there is nothing here.
//
// Locks: a mutex (rank kDevice) keeps outgoing frames whole; a spinlock (rank kReadiness) is for the table of streams.
// Invariant: a stream has left its place before its end frame goes out. Thread context.
#pragma once

#include "base/result.h"

namespace mokapot {

// Boot, after the file systems are mounted: starts the thread. kENOMEM.
Result<void> initialise_tool_channel();

}  // namespace mokapot
