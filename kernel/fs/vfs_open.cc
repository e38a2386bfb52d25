// SPDX-License-Identifier: Apache-2.0
//
// open(2) and what is like it. The order of checks is Linux's, since programs tell errors apart.

#include "base/format.h"
#include "fs/inotify.h"
#include "fs/memory_node.h"
#include "fs/mount.h"
#include "fs/path_walk.h"
#include "fs/vfs.h"
#include "fs/vnode_file.h"

namespace mokapot {
namespace {

// The O_TMPFILE bit by itself, without the O_DIRECTORY that it comes with.
constexpr std::uint32_t kTemporaryBit = 020000000;
// Not kept: they matter to the open only.
constexpr std::uint32_t kOpenOnly = kOpenCreate | kOpenExclusive | kOpenNoCtty | kOpenTruncate | kOpenCloseOnExec;

bool wants_write(std::uint32_t flags) { return (flags & kOpenAccessMask) != kOpenReadOnly; }

Result<void> check_writable(const Dentry& dentry) {
  if (dentry.has_mount() && dentry.mount().read_only) return Errno::kEROFS;
  return {};
}

Result<RefPtr<File>> open_node(Dentry& dentry, std::uint32_t flags) {
  RefPtr<File> file = TRY(dentry.vnode().open(dentry, flags & ~kOpenOnly));
  tell_node(dentry, kInOpen);
  return file;
}

// An existing object.
Result<RefPtr<File>> open_existing(Dentry& dentry, std::uint32_t flags) {
  Vnode& node = dentry.vnode();
  if ((flags & kOpenDirectory) != 0 && !node.is_directory()) return Errno::kENOTDIR;
  if ((flags & kOpenPath) != 0) {
    auto file = TRY(make_ref<VnodeFile>(RefPtr<Dentry>(&dentry),
                                        flags & (kOpenPath | kOpenDirectory | kOpenNoFollow)));
    return RefPtr<File>(std::move(file));
  }
  if (node.is_link()) return Errno::kELOOP;
  const bool truncates = (flags & kOpenTruncate) != 0;
  if (node.is_directory() && (wants_write(flags) || (flags & kOpenCreate) != 0)) return Errno::kEISDIR;
  if (node.is_directory() && truncates) return Errno::kEISDIR;
  if (node.is_regular() && (wants_write(flags) || truncates)) {
    TRY(check_writable(dentry));
    if (node.running()) return Errno::kETXTBSY;
    TRY(node.prepare_to_write());
    if (truncates) TRY(node.truncate(0));
  }
  RefPtr<File> file = TRY(open_node(dentry, flags));
  if (truncates && node.is_regular()) tell_node(dentry, kInModify);
  return file;
}

Result<RefPtr<File>> open_unnamed(Dentry& directory, std::uint32_t flags, std::uint32_t mode) {
  if (!directory.vnode().is_directory()) return Errno::kENOTDIR;
  TRY(check_writable(directory));
  RefPtr<Vnode> node = TRY(directory.vnode().create_unnamed(kModeRegular | (mode & ~file_creation_mask())));
  char name[24];
  const std::size_t size = format_to(name, sizeof name, "#%lu", static_cast<unsigned long>(TRY(node->status()).inode));
  auto dentry = TRY(Dentry::create(RefPtr<Dentry>(&directory), {name, size}, std::move(node)));
  DentryCache::mark_unnamed(*dentry);
  return dentry->vnode().open(*dentry, flags & ~kOpenOnly);
}

// Makes the last component if it is still missing. Null: somebody else made it, look again.
Result<RefPtr<Dentry>> create_file(WalkResult& walk, std::uint32_t mode) {
  Dentry& parent = *walk.parent;
  const auto make = [&]() -> Result<RefPtr<Dentry>> {
    RefPtr<Dentry> child = TRY(lookup_child_locked(parent, walk.last_name()));
    if (!child->negative()) return RefPtr<Dentry>();
    TRY(check_writable(parent));
    if (DentryCache::is_deleted(parent)) return Errno::kENOENT;
    auto vnode = TRY(parent.vnode().create(walk.last_name(), kModeRegular | mode, 0));
    child = TRY(Dentry::create(walk.parent, walk.last_name(), std::move(vnode)));
    DentryCache::forget(parent, walk.last_name());
    child = DentryCache::insert(std::move(child));
    tell_name(parent.vnode(), walk.last_name(), child->vnode(), kInCreate);
    return child;
  };
  if (parent.vnode().dynamic()) return make();
  WriteGuard names(namespace_lock());
  return make();
}

// What is not there yet. Null: somebody else made it.
Result<RefPtr<File>> open_new(WalkResult& walk, std::uint32_t flags, std::uint32_t mode) {
  RefPtr<Dentry> created = TRY(create_file(walk, mode));
  // Made here: its permissions do not limit this open, and there is nothing to cut.
  if (!created || !created->vnode().is_regular()) return RefPtr<File>();
  if (wants_write(flags)) TRY(created->vnode().prepare_to_write());
  return open_node(*created, flags);
}

}  // namespace

Result<RefPtr<File>> vfs_open_dentry(Dentry& dentry, std::uint32_t flags) {
  return open_existing(dentry, flags & ~(kOpenCreate | kOpenExclusive));
}

Result<RefPtr<File>> vfs_open(Dentry* base, std::string_view path, std::uint32_t flags, std::uint32_t mode) {
  if ((flags & kOpenPath) != 0) {
    flags &= kOpenPath | kOpenDirectory | kOpenNoFollow | kOpenCloseOnExec;
  } else if ((flags & kTemporaryBit) != 0) {
    if ((flags & kOpenTemporary) != kOpenTemporary || !wants_write(flags) || (flags & kOpenCreate) != 0) {
      return Errno::kEINVAL;
    }
  } else if ((flags & (kOpenCreate | kOpenDirectory)) == (kOpenCreate | kOpenDirectory)) {
    return Errno::kEINVAL;
  }
  mode &= kModePermissions;
  const bool creates = (flags & kOpenCreate) != 0;
  const bool exclusive = creates && (flags & kOpenExclusive) != 0;
  const bool no_follow = exclusive || (flags & kOpenNoFollow) != 0;
  if ((flags & kTemporaryBit) != 0) {
    RefPtr<Dentry> directory = TRY(vfs_resolve(base, path, no_follow ? LastLink::kNoFollow : LastLink::kFollow));
    return open_unnamed(*directory, flags & ~(kTemporaryBit | kOpenDirectory), mode);
  }
  // Again: a file that vanishes between the looks at it is made; one that appears is opened, unless it must be new. In
  // directories that others change, too, each look and each making is the server's (EEXIST, ENOENT).
  Errno met = Errno::kESTALE;
  for (int attempt = 0; attempt < 16; ++attempt) {
    WalkResult walk;
    const WalkGoal goal = creates ? (no_follow ? WalkGoal::kCreateNew : WalkGoal::kCreate)
                                  : (no_follow ? WalkGoal::kLink : WalkGoal::kObject);
    TRY(walk_path(base, path, goal, walk));
    if (walk.found->negative() && !creates) return Errno::kENOENT;
    if (!walk.found->negative() && exclusive) return Errno::kEEXIST;
    auto opened = walk.found->negative() ? open_new(walk, flags, mode & ~file_creation_mask())
                                         : open_existing(*walk.found, flags);
    if (opened.ok() ? bool(opened.value()) : !creates) return opened;
    if (opened.ok()) continue;
    met = opened.error();
    if (met != Errno::kENOENT && (met != Errno::kEEXIST || exclusive)) return met;
  }
  return met;
}

Result<RefPtr<File>> vfs_create_memfd(std::string_view name, std::uint32_t flags) {
  constexpr std::uint32_t kKnown = kMemfdCloseOnExec | kMemfdAllowSealing | kMemfdNoExecSeal | kMemfdExec |
                                   kMemfdHugeTlb;
  constexpr std::size_t kMostName = 249;  // NAME_MAX less the prefix
  if ((flags & ~kKnown) != 0) return Errno::kEINVAL;
  if ((flags & kMemfdNoExecSeal) != 0 && (flags & kMemfdExec) != 0) return Errno::kEINVAL;
  if (name.size() > kMostName) return Errno::kEINVAL;
  auto node = TRY(create_shared_memory_node(flags));
  TextBuffer<kNameMax + 1> text;
  text.append("memfd:%.*s", static_cast<int>(name.size()), name.data());
  auto dentry = TRY(Dentry::create(nullptr, text.view(), std::move(node)));
  DentryCache::mark_unnamed(*dentry);
  return dentry->vnode().open(*dentry, kOpenReadWrite | kOpenLargeFile);
}

Result<RefPtr<PageSource>> create_shared_memory(std::uint64_t size, std::uint32_t flags) {
  auto node = TRY(create_shared_memory_node(flags));
  TRY(node->truncate(size));
  auto cache = TRY(node->cache());
  cache->set_path((flags & kMemfdHugeTlb) != 0 ? "/anon_hugepage" : "/dev/zero");
  cache->set_deleted();
  return RefPtr<PageSource>(std::move(cache));
}

}  // namespace mokapot
