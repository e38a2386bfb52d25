// SPDX-License-Identifier: Apache-2.0
//
// Attributes, extended attributes, and the operations on open files that io/File does not have.

#include <limits>

#include "fs/file_time.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "fs/vnode_file.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kLargestOffset = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kXattrNameMax = 255;

Result<Vnode*> writable_vnode(Dentry& dentry) {
  if (dentry.has_mount() && dentry.mount().read_only) return Errno::kEROFS;
  return &dentry.vnode();
}

Result<void> check_xattr_name(std::string_view name) {
  if (name.empty() || name.size() > kXattrNameMax) return Errno::kERANGE;
  return {};
}

Result<void> change_attributes(Dentry& dentry, const AttributeChange& change, std::uint32_t event) {
  TRY(dentry.vnode().change_attributes(change));
  tell_node(dentry, event);
  return {};
}

}  // namespace

Result<FileStatus> vfs_status(Dentry& dentry) { return dentry.vnode().status(); }

Result<void> vfs_change_mode(Dentry& dentry, std::uint32_t mode) {
  Vnode* node = TRY(writable_vnode(dentry));
  if (node->is_link()) return Errno::kEOPNOTSUPP;
  AttributeChange change;
  change.set_mode = true;
  change.mode = mode & kModePermissions;
  return change_attributes(dentry, change, kInAttributes);
}

Result<void> vfs_change_owner(Dentry& dentry, std::uint32_t user, std::uint32_t group) {
  TRY(writable_vnode(dentry));
  AttributeChange change;
  change.set_user = user != kKeepOwner;
  change.set_group = group != kKeepOwner;
  change.user = user;
  change.group = group;
  return change_attributes(dentry, change, kInAttributes);
}

Result<void> vfs_change_times(Dentry& dentry, TimeUpdate accessed, TimeUpdate modified) {
  TRY(writable_vnode(dentry));
  if (accessed.kind == TimeUpdate::Kind::kOmit && modified.kind == TimeUpdate::Kind::kOmit) return {};
  const FileStatus::Time now_time = current_file_time();
  AttributeChange change;
  change.set_accessed = accessed.kind != TimeUpdate::Kind::kOmit;
  change.set_modified = modified.kind != TimeUpdate::Kind::kOmit;
  change.accessed = accessed.kind == TimeUpdate::Kind::kNow ? now_time : accessed.time;
  change.modified = modified.kind == TimeUpdate::Kind::kNow ? now_time : modified.time;
  const std::uint32_t event =
      change.set_accessed && change.set_modified ? kInAttributes : change.set_modified ? kInModify : kInAccess;
  return change_attributes(dentry, change, event);
}

Result<void> vfs_truncate(Dentry& dentry, std::uint64_t size) {
  if (size > kLargestOffset) return Errno::kEINVAL;
  if (dentry.vnode().is_directory()) return Errno::kEISDIR;
  if (!dentry.vnode().is_regular()) return Errno::kEINVAL;
  if (dentry.vnode().running()) return Errno::kETXTBSY;
  Vnode* node = TRY(writable_vnode(dentry));
  TRY(node->truncate(size));
  tell_node(dentry, kInModify);
  return {};
}

Result<void> vfs_access(Dentry& dentry, std::uint32_t mode) {
  constexpr std::uint32_t kExecutable = 1, kWritable = 2;
  const FileStatus status = TRY(dentry.vnode().status());
  const std::uint32_t type = status.mode & kModeType;
  if ((mode & kWritable) != 0 && dentry.has_mount() && dentry.mount().read_only &&
      (type == kModeRegular || type == kModeDirectory || type == kModeLink)) {
    return Errno::kEROFS;
  }
  // Root may do everything but execute what has no execute bit at all.
  if ((mode & kExecutable) != 0 && type != kModeDirectory && (status.mode & kModeExecute) == 0) {
    return Errno::kEACCES;
  }
  return {};
}

Result<FileSystemStatistics> vfs_statistics(Dentry& dentry) {
  if (!dentry.has_mount()) {
    constexpr std::uint64_t kTmpfsMagic = 0x01021994;
    FileSystemStatistics statistics;
    statistics.type = kTmpfsMagic;
    // A memfd: its file system has no mount. With MFD_HUGETLB it is a hugetlbfs.
    const FileStatus status = TRY(dentry.vnode().status());
    if (status.block_size == kHugePageSize) {
      constexpr std::uint64_t kHugetlbfsMagic = 0x958458f6;
      statistics.type = kHugetlbfsMagic;
      statistics.block_size = kHugePageSize;
    }
    return statistics;
  }
  FileSystemStatistics statistics = dentry.mount().statistics();
  statistics.id = dentry.mount().device;
  constexpr std::uint64_t kReadOnly = 1, kValid = 0x20, kRelativeTimes = 0x1000;  // ST_RDONLY, ST_VALID, ST_RELATIME
  statistics.flags |= kValid | kRelativeTimes | (dentry.mount().read_only ? kReadOnly : 0);
  return statistics;
}

Result<std::size_t> vfs_get_xattr(Dentry& dentry, std::string_view name, void* value, std::size_t size) {
  TRY(check_xattr_name(name));
  return dentry.vnode().get_xattr(name, value, size);
}

Result<void> vfs_set_xattr(Dentry& dentry, std::string_view name, const void* value, std::size_t size,
                           std::uint32_t flags) {
  if ((flags & ~(kXattrCreate | kXattrReplace)) != 0) return Errno::kEINVAL;
  TRY(check_xattr_name(name));
  if (size > kXattrSizeMax) return Errno::kE2BIG;
  Vnode* node = TRY(writable_vnode(dentry));
  TRY(node->set_xattr(name, value, size, flags));
  tell_node(dentry, kInAttributes);
  return {};
}

Result<std::size_t> vfs_list_xattrs(Dentry& dentry, char* names, std::size_t size) {
  return dentry.vnode().list_xattrs(names, size);
}

Result<void> vfs_remove_xattr(Dentry& dentry, std::string_view name) {
  TRY(check_xattr_name(name));
  Vnode* node = TRY(writable_vnode(dentry));
  TRY(node->remove_xattr(name));
  tell_node(dentry, kInAttributes);
  return {};
}

Result<void> vfs_read_directory(File& directory, DirectoryVisitor visit, void* context) {
  if (directory.vnode() == nullptr || !directory.vnode()->is_directory()) return Errno::kENOTDIR;
  // SAFETY: no vnode opens a directory as anything but a VnodeFile.
  return static_cast<VnodeFile&>(directory).read_directory(visit, context);
}

void vfs_prefetch(File& file, std::uint64_t offset, std::uint64_t length) {
  if (file.vnode() == nullptr) return;
  if (auto cache = file.vnode()->cache(); cache.ok()) cache.value()->prefetch(offset, length);
}

Result<void> vfs_allocate(File& file, std::uint32_t mode, std::int64_t offset, std::int64_t length) {
  if (offset < 0 || length <= 0) return Errno::kEINVAL;
  Vnode* node = file.vnode();
  if (node == nullptr) return Errno::kESPIPE;
  if (node->type() == kModeFifo) return Errno::kESPIPE;
  if (node->is_directory()) return Errno::kEISDIR;
  if (!node->is_regular()) return Errno::kENODEV;
  if (static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(length) > kLargestOffset) return Errno::kEFBIG;
  TRY(node->allocate(mode, static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length)));
  if (file.dentry() != nullptr) tell_node(*file.dentry(), kInModify);
  return {};
}

Result<std::uint32_t> vfs_seals(File& file) {
  if (file.vnode() == nullptr) return Errno::kEINVAL;
  return file.vnode()->seals();
}

Result<void> vfs_add_seals(File& file, std::uint32_t seals) {
  if (file.vnode() == nullptr) return Errno::kEINVAL;
  if (!file.writable()) return Errno::kEPERM;
  return file.vnode()->add_seals(seals);
}

Result<std::size_t> vfs_readlink_dentry(Dentry& dentry, char* buffer, std::size_t size) {
  if (!dentry.vnode().is_link()) return Errno::kEINVAL;
  return dentry.vnode().read_link(buffer, size);
}

Result<std::size_t> vfs_readlink(Dentry* base, std::string_view path, char* buffer, std::size_t size) {
  RefPtr<Dentry> link = TRY(vfs_resolve(base, path, LastLink::kNoFollow));
  return vfs_readlink_dentry(*link, buffer, size);
}

}  // namespace mokapot
