// SPDX-License-Identifier: Apache-2.0
//
// Arguments that the socket system calls share. Thread context; application memory is read and checked here.
#pragma once

#include "io/socket.h"
#include "linux/syscall_types.h"

namespace mokapot {

inline constexpr std::size_t kUnixAddressSize = 110;  // sockaddr_un

// A socket for the length of a call.
class SocketArgument {
 public:
  explicit SocketArgument(RefPtr<File> file) : file_(std::move(file)) {}
  SocketFile* operator->() const { return static_cast<SocketFile*>(file_.get()); }
  SocketFile& operator*() const { return static_cast<SocketFile&>(*file_); }

 private:
  RefPtr<File> file_;
};
Result<SocketArgument> socket_argument(std::int32_t descriptor);  // kEBADF, kENOTSOCK

// The AF_UNIX socket that an address names, for a message or a connection of `socket`. kECONNREFUSED, kEPROTOTYPE
// if it is of another type, and what a path look-up gives. (sys_socket.cc)
Result<RefPtr<SocketFile>> find_named_socket(SocketFile& socket, const SocketAddress& address);

// kEINVAL for a size that no address has, kEFAULT.
Result<SocketAddress> read_socket_address(VirtAddr from, std::size_t size);
// Cut to what *size allows; *size becomes the address's whole size. kEINVAL, kEFAULT.
Result<void> write_socket_address(const SocketAddress& address, VirtAddr to, VirtAddr size);

}  // namespace mokapot
