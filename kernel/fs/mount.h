// SPDX-License-Identifier: Apache-2.0
//
// A mounted file system: its root, and what /proc/mounts says of it. Mounts are made at boot (or by the
// management interface) and stay. Internal to fs.
//
// Lock: the list and everything in a Mount are const after it was added; adding takes the namespace lock
// exclusively.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "fs/dentry.h"
#include "fs/vfs.h"

namespace mokapot {

class Mount {
 public:
  virtual ~Mount() = default;
  virtual FileSystemStatistics statistics() = 0;

  int id = 0;
  int parent_id = 0;
  std::uint64_t device = 0;
  bool read_only = false;
  const char* source = "";   // literals
  const char* type = "";
  const char* options = "";
  RefPtr<Dentry> root;
  Mount* next = nullptr;     // in the order of mounting
};

// An unused st_dev of the kind that file systems without a disk have.
std::uint64_t next_device_number();

// Makes root_vnode the root of everything, or of what is below path (which must be a directory). The mount's
// descriptive fields are set by the caller. Takes the mount over.
Result<void> mount_root_vnode(std::unique_ptr<Mount> mount, RefPtr<Vnode> root_vnode);
Result<void> mount_at(std::string_view path, std::unique_ptr<Mount> mount, RefPtr<Vnode> root_vnode);

}  // namespace mokapot
