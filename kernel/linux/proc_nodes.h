// SPDX-License-Identifier: Apache-2.0
//
// The contents of /proc, /sys and the cgroup tree: what HotSpot, glibc and Java's libraries read there, in
// Linux's formats. The framework is fs/pseudo.h; here are the tables and the generators, which ask the layers that
// know.
#pragma once

#include "base/result.h"

namespace mokapot {

// Boot, after mount_pseudo_file_systems: publishes the nodes and mounts the cgroup tree.
Result<void> install_proc_nodes();

}  // namespace mokapot
