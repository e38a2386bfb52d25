// SPDX-License-Identifier: Apache-2.0
#include "linux/terminal_node.h"

#include "fs/vfs.h"
#include "io/console.h"

namespace mokapot {

Result<void> make_terminal_node() {
  constexpr std::uint32_t kPermissions = 0620;
  TRY(vfs_make_directories("/dev/pts", 0755));
  const std::uint32_t mask = set_file_creation_mask(0);
  Result<RefPtr<Dentry>> node =
      vfs_make_node(nullptr, "/dev/pts/0", kModeCharDevice | kPermissions, make_device_number(136, 0));
  set_file_creation_mask(mask);
  if (!node.ok()) return node.error();
  const FileStatus status = TRY(vfs_status(*node.value()));
  set_terminal_identity(status.device, status.inode);
  return {};
}

}  // namespace mokapot
