// SPDX-License-Identifier: Apache-2.0
//
// Making, moving and removing names. Each operation walks to the parent, takes the namespace lock
// exclusively, looks the last component up again and then decides, in the order of Linux's checks.

#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/path_walk.h"
#include "fs/vfs.h"

namespace mokapot {
namespace {

using Last = WalkResult::Last;

Result<void> check_writable(const Dentry& directory) {
  if (directory.mount().read_only) return Errno::kEROFS;
  if (DentryCache::is_deleted(directory)) return Errno::kENOENT;
  return {};
}

enum class Slash : std::uint8_t { kRefuse, kAccept };

// A name that is about to be made: EEXIST, ENOENT for "name/" where it is not to be a directory, EROFS.
Result<void> check_free(WalkResult& walk, Slash slash) {
  RefPtr<Dentry> child = TRY(lookup_child_locked(*walk.parent, walk.last_name()));
  if (!child->negative()) return Errno::kEEXIST;
  if (slash == Slash::kRefuse && walk.trailing_slash) return Errno::kENOENT;
  return check_writable(*walk.parent);
}

Result<RefPtr<Dentry>> add_name(WalkResult& walk, RefPtr<Vnode> vnode) {
  auto child = TRY(Dentry::create(walk.parent, walk.last_name(), std::move(vnode)));
  DentryCache::forget(*walk.parent, walk.last_name());
  if (!walk.parent->vnode().dynamic()) child = DentryCache::insert(std::move(child));
  tell_name(walk.parent->vnode(), walk.last_name(), child->vnode(), kInCreate);
  return child;
}

bool is_mount_point(Dentry& dentry) { return static_cast<bool>(DentryCache::mounted_on(dentry)); }

Result<void> remove_name(WalkResult& walk, Dentry& child) {
  TRY(walk.parent->vnode().remove(walk.last_name(), child.vnode()));
  DentryCache::remove(child);
  tell_removed(walk.parent->vnode(), walk.last_name(), child.vnode());
  return {};
}

}  // namespace

Result<RefPtr<Dentry>> vfs_resolve(Dentry* base, std::string_view path, LastLink last) {
  WalkResult walk;
  TRY(walk_path(base, path, last == LastLink::kFollow ? WalkGoal::kObject : WalkGoal::kLink, walk));
  if (walk.found->negative()) return Errno::kENOENT;
  return std::move(walk.found);
}

Result<void> vfs_mkdir(Dentry* base, std::string_view path, std::uint32_t mode) {
  WalkResult walk;
  TRY(walk_path(base, path, WalkGoal::kParent, walk));
  if (walk.last != Last::kName) return Errno::kEEXIST;
  WriteGuard names(namespace_lock());
  TRY(check_free(walk, Slash::kAccept));
  // mkdir keeps the sticky bit but not set-user-id and set-group-id.
  const std::uint32_t kept = mode & 01777 & ~file_creation_mask();
  TRY(add_name(walk, TRY(walk.parent->vnode().create(walk.last_name(), kModeDirectory | kept, 0))));
  return {};
}

Result<RefPtr<Dentry>> vfs_make_node(Dentry* base, std::string_view path, std::uint32_t type_and_mode,
                                     std::uint64_t device) {
  std::uint32_t type = type_and_mode & kModeType;
  if (type == 0) type = kModeRegular;
  if (type == kModeDirectory) return Errno::kEPERM;
  if (type != kModeRegular && type != kModeCharDevice && type != kModeBlockDevice && type != kModeFifo &&
      type != kModeSocket) {
    return Errno::kEINVAL;
  }
  WalkResult walk;
  TRY(walk_path(base, path, WalkGoal::kParent, walk));
  if (walk.last != Last::kName) return Errno::kEEXIST;
  WriteGuard names(namespace_lock());
  TRY(check_free(walk, Slash::kRefuse));
  const std::uint32_t mode = type_and_mode & kModePermissions & ~file_creation_mask();
  if (type != kModeCharDevice && type != kModeBlockDevice) device = 0;
  return add_name(walk, TRY(walk.parent->vnode().create(walk.last_name(), type | mode, device)));
}

Result<void> vfs_symlink(std::string_view target, Dentry* base, std::string_view path) {
  if (target.empty()) return Errno::kENOENT;
  if (target.size() >= kPathMax) return Errno::kENAMETOOLONG;
  WalkResult walk;
  TRY(walk_path(base, path, WalkGoal::kParent, walk));
  if (walk.last != Last::kName) return Errno::kEEXIST;
  WriteGuard names(namespace_lock());
  TRY(check_free(walk, Slash::kRefuse));
  TRY(add_name(walk, TRY(walk.parent->vnode().create_link(walk.last_name(), target))));
  return {};
}

Result<void> vfs_rmdir(Dentry* base, std::string_view path) {
  WalkResult walk;
  TRY(walk_path(base, path, WalkGoal::kParent, walk));
  switch (walk.last) {
    case Last::kRoot: return Errno::kEBUSY;
    case Last::kDot: return Errno::kEINVAL;
    case Last::kDotDot: return Errno::kENOTEMPTY;
    case Last::kName: break;
  }
  WriteGuard names(namespace_lock());
  RefPtr<Dentry> child = TRY(lookup_child_locked(*walk.parent, walk.last_name()));
  if (child->negative()) return Errno::kENOENT;
  TRY(check_writable(*walk.parent));
  if (!child->vnode().is_directory()) return Errno::kENOTDIR;
  if (is_mount_point(*child)) return Errno::kEBUSY;
  return remove_name(walk, *child);
}

Result<void> vfs_unlink(Dentry* base, std::string_view path) {
  WalkResult walk;
  TRY(walk_path(base, path, WalkGoal::kParent, walk));
  if (walk.last != Last::kName) return Errno::kEISDIR;
  WriteGuard names(namespace_lock());
  RefPtr<Dentry> child = TRY(lookup_child_locked(*walk.parent, walk.last_name()));
  if (child->negative()) return Errno::kENOENT;
  if (walk.trailing_slash) return child->vnode().is_directory() ? Errno::kEISDIR : Errno::kENOTDIR;
  TRY(check_writable(*walk.parent));
  if (child->vnode().is_directory()) return Errno::kEISDIR;
  return remove_name(walk, *child);
}

Result<void> vfs_link_dentry(Dentry& existing, Dentry* new_base, std::string_view new_path) {
  WalkResult walk;
  TRY(walk_path(new_base, new_path, WalkGoal::kParent, walk));
  if (walk.last != Last::kName) return Errno::kEEXIST;
  WriteGuard names(namespace_lock());
  TRY(check_free(walk, Slash::kRefuse));
  if (!existing.has_mount() || &existing.mount() != &walk.parent->mount()) return Errno::kEXDEV;
  if (existing.vnode().is_directory()) return Errno::kEPERM;
  TRY(walk.parent->vnode().link(walk.last_name(), existing.vnode()));
  tell_self(existing.vnode(), kInAttributes);  // the number of names
  TRY(add_name(walk, existing.vnode_ref()));
  return {};
}

Result<void> vfs_link(Dentry* old_base, std::string_view old_path, LastLink old_last, Dentry* new_base,
                      std::string_view new_path) {
  RefPtr<Dentry> existing = TRY(vfs_resolve(old_base, old_path, old_last));
  return vfs_link_dentry(*existing, new_base, new_path);
}

namespace {

// What may stop a rename once both names were looked up. old is there; target may be negative.
Result<void> check_rename(WalkResult& from, WalkResult& to, Dentry& old, Dentry& target, std::uint32_t flags) {
  const bool exchange = (flags & kRenameExchange) != 0;
  const bool directory = old.vnode().is_directory();
  if ((flags & kRenameNoReplace) != 0 && !target.negative()) return Errno::kEEXIST;
  if (exchange) {
    if (target.negative()) return Errno::kENOENT;
    if (!target.vnode().is_directory() && to.trailing_slash) return Errno::kENOTDIR;
  }
  if (!directory) {
    if (from.trailing_slash) return Errno::kENOTDIR;
    if (!exchange && to.trailing_slash) return Errno::kENOTDIR;
  }
  if (DentryCache::is_ancestor(old, *to.parent)) return Errno::kEINVAL;
  if (!target.negative() && DentryCache::is_ancestor(target, *from.parent)) {
    return exchange ? Errno::kEINVAL : Errno::kENOTEMPTY;
  }
  if (!target.negative() && &old.vnode() == &target.vnode()) return {};
  TRY(check_writable(*from.parent));
  TRY(check_writable(*to.parent));
  if (!target.negative() && !exchange) {
    if (directory && !target.vnode().is_directory()) return Errno::kENOTDIR;
    if (!directory && target.vnode().is_directory()) return Errno::kEISDIR;
  }
  if (is_mount_point(old) || (!target.negative() && is_mount_point(target))) return Errno::kEBUSY;
  return {};
}

}  // namespace

Result<void> vfs_rename(Dentry* old_base, std::string_view old_path, Dentry* new_base,
                        std::string_view new_path, std::uint32_t flags) {
  // A whiteout is the overlay's own affair here; Linux's file systems without them say EINVAL too.
  if ((flags & ~(kRenameNoReplace | kRenameExchange)) != 0) return Errno::kEINVAL;
  if (flags == (kRenameNoReplace | kRenameExchange)) return Errno::kEINVAL;
  const bool exchange = (flags & kRenameExchange) != 0;
  WalkResult from, to;
  TRY(walk_path(old_base, old_path, WalkGoal::kParent, from));
  TRY(walk_path(new_base, new_path, WalkGoal::kParent, to));
  if (from.last != Last::kName) return Errno::kEBUSY;
  if (to.last != Last::kName) return (flags & kRenameNoReplace) != 0 ? Errno::kEEXIST : Errno::kEBUSY;
  if (&from.parent->mount() != &to.parent->mount()) return Errno::kEXDEV;

  WriteGuard names(namespace_lock());
  RefPtr<Dentry> old = TRY(lookup_child_locked(*from.parent, from.last_name()));
  if (old->negative()) return Errno::kENOENT;
  RefPtr<Dentry> target = TRY(lookup_child_locked(*to.parent, to.last_name()));
  TRY(check_rename(from, to, *old, *target, flags));
  // Two names of one file: nothing happens, both stay.
  if (!target->negative() && &old->vnode() == &target->vnode()) return {};

  std::unique_ptr<char[]> name(new (std::nothrow) char[to.name_size + 1]);
  if (!name) return Errno::kENOMEM;
  to.last_name().copy(name.get(), to.name_size);
  name[to.name_size] = '\0';
  TRY(from.parent->vnode().rename(from.last_name(), old->vnode(), to.parent->vnode(), to.last_name(),
                                  target->negative() ? nullptr : &target->vnode(), exchange));
  const MovedName left{from.parent->vnode(), from.last_name()}, reached{to.parent->vnode(), to.last_name()};
  if (exchange) {
    DentryCache::exchange(*old, *target);
    tell_moved(left, reached, old->vnode(), nullptr);
    tell_moved(reached, left, target->vnode(), nullptr);
    return {};
  }
  if (target->negative()) DentryCache::forget(*to.parent, to.last_name());
  else DentryCache::remove(*target);
  DentryCache::move(*old, to.parent, std::move(name), to.name_size);
  tell_moved(left, reached, old->vnode(), target->negative() ? nullptr : &target->vnode());
  return {};
}

Result<void> vfs_make_directories(std::string_view path, std::uint32_t mode) {
  for (std::size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    auto made = vfs_mkdir(nullptr, path.substr(0, end), mode);
    if (!made.ok() && made.error() != Errno::kEEXIST) return made;
  }
  return {};
}

}  // namespace mokapot
