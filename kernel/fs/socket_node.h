// SPDX-License-Identifier: Apache-2.0
//
// Names of AF_UNIX sockets in file systems: a node of type S_IFSOCK leads to the socket that was bound to it, as long as
// that lives. Thread context; may block.
#pragma once

#include <string_view>

#include "io/unix_base.h"

namespace mokapot {

// Makes the node and hangs the socket's name on it. kEADDRINUSE where the path exists; kENOMEM; as vfs_make_node.
Result<void> make_socket_node(UnixSocketBase& socket, std::string_view path);
// The socket at path: kECONNREFUSED if nobody has it any more, or it is no socket; kEPROTOTYPE if it is of another
// type; as vfs_resolve.
Result<RefPtr<UnixSocketBase>> find_socket_at(std::string_view path, int type);

}  // namespace mokapot
