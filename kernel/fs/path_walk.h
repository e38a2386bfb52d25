// SPDX-License-Identifier: Apache-2.0
//
// From a path to dentries, by the rules of path_resolution(7). Internal to the VFS.
//
// Locks: the namespace lock is taken shared for each look-up that the dentry cache cannot answer, and never kept
// over the walk; a caller that changes names looks the last component up again under the
// exclusive lock (lookup_child_locked). Dynamic file systems are asked with nothing held.
#pragma once

#include <cstdint>
#include <string_view>

#include "fs/dentry.h"
#include "fs/vnode.h"
#include "sched/mutex.h"

namespace mokapot {

// The lock of all names; see vfs.h.
RwLock& namespace_lock();

enum class WalkGoal : std::uint8_t {
  kObject,    // the last component, links followed
  kLink,      // the last component itself, unless a slash follows it
  kParent,    // the last component is to be made or removed: a slash does not make it followed
  kCreate,    // as kObject, for a file that may be made: a slash after it is kEISDIR, whatever is there
  kCreateNew, // as kCreate, but a link is the last component itself
};

struct WalkResult {
  RefPtr<Dentry> parent;       // of the last component; null where there was none ("/", "a/..")
  RefPtr<Dentry> found;        // may be negative; never null
  char name[256];              // the last component, if there is a parent
  std::uint16_t name_size = 0;
  bool trailing_slash = false;
  enum class Last : std::uint8_t { kName, kRoot, kDot, kDotDot } last = Last::kRoot;
  std::string_view last_name() const { return {name, name_size}; }
};

// kENOENT is returned for a missing directory on the way; a missing last component is a negative dentry.
// With a trailing slash and kObject or kLink, the last one must be a directory if it exists.
Result<void> walk_path(Dentry* base, std::string_view path, WalkGoal goal, WalkResult& result);

// The child of parent, negative if there is none, under the namespace lock held exclusively. Mounts are not crossed.
Result<RefPtr<Dentry>> lookup_child_locked(Dentry& parent, std::string_view name);

// The dentry of the object that a descriptor or a process link leads to, for Vnode::follow_link.
Result<RefPtr<Dentry>> dentry_of_file(RefPtr<File> file);

}  // namespace mokapot
