// SPDX-License-Identifier: Apache-2.0
//
// Folders of the host's in the VM's tree, over 9P.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace mokapot {

enum class FolderAccess : std::uint8_t { kReadOnly, kReadWrite };

// Mounts the folder that the host offers under tag at path, an absolute path, which is made if it is missing.
// kENODEV: no such tag; kENOTSUP: path lies in another such folder; or what the server says. Boot's thread, after
// mount_pseudo_file_systems().
Result<void> vfs_mount_host_folder(std::string_view tag, std::string_view path, FolderAccess access);

}  // namespace mokapot
