// SPDX-License-Identifier: Apache-2.0
//
// A dentry: a name in a directory and the vnode it stands for, or the knowledge that there is none (a
// negative dentry: ld.so asks for hundreds of paths that do not exist). Dentries are a cache over what the
// file systems hold, and the identity of an open file's path.
//
// Locks: vnode_ never changes. Parent, name, mount and cache membership are guarded by one spinlock (rank
// kDentries), so that a path can be printed where no sleeping lock may be taken. A parent lives as long as
// its children.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/intrusive.h"
#include "base/ref_counted.h"
#include "fs/vnode.h"

namespace mokapot {

class Mount;

class Dentry : public RefCounted<Dentry> {
 public:
  Dentry(RefPtr<Dentry> parent, RefPtr<Vnode> vnode, Mount* mount);
  ~Dentry();
  // kENOMEM. name is copied.
  static Result<RefPtr<Dentry>> create(RefPtr<Dentry> parent, std::string_view name, RefPtr<Vnode> vnode);

  bool negative() const { return !vnode_; }
  Vnode& vnode() const { return *vnode_; }  // not for negative dentries
  Mount& mount() const { return *mount_; }

 private:
  friend class DentryCache;
  RefPtr<Dentry> parent_;                 // null: the root, or the root of a mount that is not attached
  std::unique_ptr<char[]> name_;
  std::uint32_t name_size_ = 0;
  std::uint32_t hash_ = 0;
  const RefPtr<Vnode> vnode_;             // null: negative
  Mount* const mount_;
  RefPtr<Dentry> mounted_;                // root of what is mounted here
  bool cached_ = false;                   // found by look-ups; the cache holds a reference
  bool deleted_ = false;                  // its name was removed
  bool used_ = false;                     // since the cache last looked for one to drop
  Dentry* next_in_bucket_ = nullptr;      // DentryCache::buckets_
  ListHook recency_hook_;                 // DentryCache::recency_
};

}  // namespace mokapot
