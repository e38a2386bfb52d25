// SPDX-License-Identifier: Apache-2.0
//
// AF_UNIX sockets that travel in messages of AF_UNIX sockets. They may come to hold each other where no
// descriptor reaches them any more; collect_unreachable_sockets() finds those and empties them, as Linux does: when
// an AF_UNIX socket ends, and when very many are on their way.
//
// Lock: one mutex (rank kSocket) for the counts and the search; queues' spinlocks are taken under it. Thread context.
#pragma once

namespace mokapot {

struct UnixMessage;

void initialise_in_flight();  // boot
// A message is about to be queued; its files count until land(), which may be called more than once.
void launch(UnixMessage& message);
void land(UnixMessage& message);
void collect_unreachable_sockets();

}  // namespace mokapot
