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
  // kENOMEM. name is copied. vnode null: negative. The mount is the parent's, unless given.
  static Result<RefPtr<Dentry>> create(RefPtr<Dentry> parent, std::string_view name, RefPtr<Vnode> vnode,
                                       Mount* mount = nullptr);

  bool negative() const { return !vnode_; }
  Vnode& vnode() const { return *vnode_; }  // not for negative dentries
  RefPtr<Vnode> vnode_ref() const { return vnode_; }
  Mount& mount() const { return *mount_; }
  bool has_mount() const { return mount_ != nullptr; }  // not: files that no file system holds

  ListHook recency_hook;  // DentryCache's recency list

 private:
  friend class DentryCache;
  friend class RefCounted<Dentry>;
  Dentry(RefPtr<Dentry> parent, RefPtr<Vnode> vnode, Mount* mount);
  ~Dentry() = default;

  RefPtr<Dentry> parent_;                 // null: the root of everything, or a file that never had a name
  std::unique_ptr<char[]> name_;
  std::uint32_t name_size_ = 0;
  std::uint32_t hash_ = 0;                // of parent and name, while cached
  const RefPtr<Vnode> vnode_;
  Mount* const mount_;                    // null for files without a name
  RefPtr<Dentry> mounted_;                // root of what is mounted here
  bool cached_ = false;                   // found by look-ups; the cache holds a reference
  bool deleted_ = false;                  // its name was removed
  bool used_ = false;                     // since the cache last looked for one to drop
  Dentry* next_in_bucket_ = nullptr;      // DentryCache's bucket
};

// All of them; one cache. Functions take the spinlock; none blocks, and none may be called with it held.
class DentryCache {
 public:
  static void initialise();
  // The cached child (negative or not), or null if it is not known.
  static RefPtr<Dentry> find(Dentry& parent, std::string_view name);
  // Adds child, or returns the one that is there already.
  static RefPtr<Dentry> insert(RefPtr<Dentry> child);
  // The name is gone: out of the cache, "(deleted)" from now on.
  static void remove(Dentry& dentry);
  // Out of the cache only (a negative dentry whose name is about to exist).
  static void forget(Dentry& parent, std::string_view name);
  // The dentry's new place; name is the new name's copy.
  static void move(Dentry& dentry, RefPtr<Dentry> parent, std::unique_ptr<char[]> name, std::size_t name_size);
  static void exchange(Dentry& a, Dentry& b);
  static void mark_unnamed(Dentry& dentry);  // O_TMPFILE, memfd: "(deleted)" from the start

  static RefPtr<Dentry> parent_of(const Dentry& dentry);  // itself at the root
  static RefPtr<Dentry> mounted_on(const Dentry& dentry); // null if nothing is
  static void set_mounted(Dentry& dentry, RefPtr<Dentry> root);
  static bool is_deleted(const Dentry& dentry);
  static bool is_ancestor(const Dentry& ancestor, const Dentry& dentry);  // or the same
  // Its name, cut to size; returns the length. No NUL.
  static std::size_t copy_name(const Dentry& dentry, char* to, std::size_t size);
  // See path_of in vfs.h.
  static Result<std::size_t> path(const Dentry& dentry, char* buffer, std::size_t size, bool mark_deleted);

 private:
  static void unlink_locked(Dentry& dentry);
  static void link_locked(Dentry& dentry);
};

}  // namespace mokapot
