// SPDX-License-Identifier: Apache-2.0
#include "linux/socket_arguments.h"

#include <algorithm>

#include "process/descriptor_table.h"
#include "vm/user_access.h"

namespace mokapot {

Result<SocketArgument> socket_argument(std::int32_t descriptor) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (file->kind() != FileKind::kSocket) return Errno::kENOTSOCK;
  return SocketArgument(std::move(file));
}

Result<SocketAddress> read_socket_address(VirtAddr from, std::size_t size) {
  SocketAddress address;
  if (size > SocketAddress::kMost) return Errno::kEINVAL;
  TRY(copy_from_application(address.bytes, from, size));
  address.size = size;
  return address;
}

Result<void> write_socket_address(const SocketAddress& address, VirtAddr to, VirtAddr size) {
  const auto room = TRY(read_application<std::int32_t>(size));
  if (room < 0) return Errno::kEINVAL;
  TRY(copy_to_application(to, address.bytes, std::min(address.size, static_cast<std::size_t>(room))));
  return write_application(size, static_cast<std::int32_t>(address.size));
}

}  // namespace mokapot
