// SPDX-License-Identifier: Apache-2.0
//
// Names: the working directory, making, removing, renaming and linking them, and reading directories.
#include "base/types.h"
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

SyscallResult make_directory_at(std::int32_t descriptor, Path path, unsigned mode) {
  PathArgument argument;
  TRY(argument.read(path));
  const PathBase base = TRY(path_base(descriptor, argument.view()));
  TRY(vfs_mkdir(base.dentry, argument.view(), mode));
  return 0;
}

SyscallResult remove_at(std::int32_t descriptor, Path path, std::uint64_t flags) {
  if ((flags & ~kAtRemoveDirectory) != 0) return Errno::kEINVAL;
  PathArgument argument;
  TRY(argument.read(path));
  const PathBase base = TRY(path_base(descriptor, argument.view()));
  TRY((flags & kAtRemoveDirectory) != 0 ? vfs_rmdir(base.dentry, argument.view())
                                        : vfs_unlink(base.dentry, argument.view()));
  return 0;
}

SyscallResult rename_at(std::int32_t old_descriptor, Path old_path, std::int32_t new_descriptor, Path new_path,
                        std::uint64_t flags) {
  if ((flags & ~std::uint64_t{kRenameNoReplace | kRenameExchange | kRenameWhiteout}) != 0) return Errno::kEINVAL;
  if ((flags & kRenameExchange) != 0 && (flags & (kRenameNoReplace | kRenameWhiteout)) != 0) return Errno::kEINVAL;
  PathArgument from, to;
  TRY(from.read(old_path));
  TRY(to.read(new_path));
  const PathBase old_base = TRY(path_base(old_descriptor, from.view()));
  const PathBase new_base = TRY(path_base(new_descriptor, to.view()));
  TRY(vfs_rename(old_base.dentry, from.view(), new_base.dentry, to.view(), static_cast<std::uint32_t>(flags)));
  return 0;
}

SyscallResult link_at(std::int32_t old_descriptor, Path old_path, std::int32_t new_descriptor, Path new_path,
                      std::uint64_t flags) {
  if ((flags & ~(kAtFollow | kAtEmptyPath)) != 0) return Errno::kEINVAL;
  PathArgument from, to;
  TRY(from.read(old_path, (flags & kAtEmptyPath) != 0 ? PathArgument::Empty::kAllowed
                                                      : PathArgument::Empty::kRefused));
  TRY(to.read(new_path));
  const PathBase new_base = TRY(path_base(new_descriptor, to.view()));
  if (from.empty()) {
    RefPtr<Dentry> existing = TRY(locate_dentry(old_descriptor, Path{}, LastLink::kNoFollow,
                                                PathArgument::Empty::kAllowed));
    TRY(vfs_link_dentry(*existing, new_base.dentry, to.view()));
    return 0;
  }
  const PathBase old_base = TRY(path_base(old_descriptor, from.view()));
  const LastLink last = (flags & kAtFollow) != 0 ? LastLink::kFollow : LastLink::kNoFollow;
  TRY(vfs_link(old_base.dentry, from.view(), last, new_base.dentry, to.view()));
  return 0;
}

SyscallResult make_link_at(Path target, std::int32_t descriptor, Path path) {
  PathArgument text, name;
  TRY(text.read(target));
  TRY(name.read(path));
  const PathBase base = TRY(path_base(descriptor, name.view()));
  TRY(vfs_symlink(text.view(), base.dentry, name.view()));
  return 0;
}

SyscallResult make_node_at(std::int32_t descriptor, Path path, unsigned mode, unsigned device) {
  switch (mode & kModeType) {
    case 0:
    case kModeRegular:
    case kModeCharDevice:
    case kModeBlockDevice:
    case kModeFifo:
    case kModeSocket: break;
    case kModeDirectory: return Errno::kEPERM;
    default: return Errno::kEINVAL;
  }
  PathArgument argument;
  TRY(argument.read(path));
  const PathBase base = TRY(path_base(descriptor, argument.view()));
  TRY(vfs_make_node(base.dentry, argument.view(), mode, device));
  return 0;
}

// Lays entries out in the application's buffer, in the form of getdents64 or of the older getdents.
class EntryWriter {
 public:
  enum class Form : std::uint8_t { kOld, kNew };
  EntryWriter(VirtAddr to, std::size_t size, Form form) : to_(to), size_(size), form_(form) {}

  static bool visit(const DirectoryEntry& entry, void* writer) {
    return static_cast<EntryWriter*>(writer)->add(entry);
  }
  // What the call returns once the directory has been read.
  SyscallResult result() const {
    if (used_ != 0) return static_cast<std::int64_t>(used_);
    if (!error_.ok()) return error_.error();
    return std::int64_t{0};
  }

 private:
  struct Head {
    std::uint64_t inode, next_offset;
    std::uint16_t length;
  } __attribute__((packed));
  static constexpr std::size_t kMostEntry = 280;  // head, 255 characters, NUL, type, alignment

  bool add(const DirectoryEntry& entry) {
    char record[kMostEntry] = {};
    const std::size_t name_at = sizeof(Head) + (form_ == Form::kNew ? 1 : 0);
    // The old form keeps the type in the record's last byte.
    const std::size_t length =
        align_up(name_at + entry.name.size() + 1 + (form_ == Form::kOld ? 1 : 0), sizeof(std::uint64_t));
    if (length > size_ - used_ || length > sizeof(record)) {
      error_ = Errno::kEINVAL;  // seen only if not even one entry fits
      return false;
    }
    const Head head{entry.inode, entry.next_offset, static_cast<std::uint16_t>(length)};
    __builtin_memcpy(record, &head, sizeof(head));
    record[form_ == Form::kNew ? sizeof(Head) : length - 1] = static_cast<char>(entry.type);
    __builtin_memcpy(record + name_at, entry.name.data(), entry.name.size());
    error_ = copy_to_application(to_ + used_, record, length);
    if (!error_.ok()) return false;
    used_ += length;
    return true;
  }

  const VirtAddr to_;
  const std::size_t size_;
  const Form form_;
  std::size_t used_ = 0;
  Result<void> error_;
};

SyscallResult read_entries(std::int32_t descriptor, VirtAddr to, unsigned size, EntryWriter::Form form) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  EntryWriter writer(to, size, form);
  TRY(vfs_read_directory(*file, &EntryWriter::visit, &writer));
  return writer.result();
}

}  // namespace

SyscallResult sys_getcwd(VirtAddr to, std::size_t size) {
  std::unique_ptr<char[]> path(new (std::nothrow) char[kPathMax]);
  if (!path) return Errno::kENOMEM;
  const std::size_t length = TRY(current_directory_path(path.get(), kPathMax)) + 1;
  if (length > size) return Errno::kERANGE;
  TRY(copy_to_application(to, path.get(), length));
  return static_cast<std::int64_t>(length);
}

SyscallResult sys_chdir(Path path) {
  TRY(set_current_directory(TRY(locate_dentry(kAtWorkingDirectory, path, LastLink::kFollow))));
  return 0;
}

SyscallResult sys_fchdir(Descriptor descriptor) {
  RefPtr<File> file = TRY(descriptor_file_or_path(descriptor));
  if (file->dentry() == nullptr) return Errno::kENOTDIR;
  TRY(set_current_directory(RefPtr<Dentry>(file->dentry())));
  return 0;
}

SyscallResult sys_umask(unsigned mask) { return set_file_creation_mask(mask & 0777); }

SyscallResult sys_mkdir(Path path, unsigned mode) { return make_directory_at(kAtWorkingDirectory, path, mode); }
SyscallResult sys_mkdirat(Descriptor base, Path path, unsigned mode) { return make_directory_at(base, path, mode); }
SyscallResult sys_rmdir(Path path) { return remove_at(kAtWorkingDirectory, path, kAtRemoveDirectory); }
SyscallResult sys_unlink(Path path) { return remove_at(kAtWorkingDirectory, path, 0); }
SyscallResult sys_unlinkat(Descriptor base, Path path, Flags flags) { return remove_at(base, path, flags); }

SyscallResult sys_rename(Path old_path, Path new_path) {
  return rename_at(kAtWorkingDirectory, old_path, kAtWorkingDirectory, new_path, 0);
}
SyscallResult sys_renameat(Descriptor old_base, Path old_path, Descriptor new_base, Path new_path) {
  return rename_at(old_base, old_path, new_base, new_path, 0);
}
SyscallResult sys_renameat2(Descriptor old_base, Path old_path, Descriptor new_base, Path new_path, Flags flags) {
  return rename_at(old_base, old_path, new_base, new_path, flags);
}

SyscallResult sys_link(Path old_path, Path new_path) {
  return link_at(kAtWorkingDirectory, old_path, kAtWorkingDirectory, new_path, 0);
}
SyscallResult sys_linkat(Descriptor old_base, Path old_path, Descriptor new_base, Path new_path, Flags flags) {
  return link_at(old_base, old_path, new_base, new_path, flags);
}

SyscallResult sys_symlink(Path target, Path path) { return make_link_at(target, kAtWorkingDirectory, path); }
SyscallResult sys_symlinkat(Path target, Descriptor base, Path path) { return make_link_at(target, base, path); }

SyscallResult sys_mknod(Path path, unsigned mode, unsigned device) {
  return make_node_at(kAtWorkingDirectory, path, mode, device);
}
SyscallResult sys_mknodat(Descriptor base, Path path, unsigned mode, unsigned device) {
  return make_node_at(base, path, mode, device);
}

SyscallResult sys_getdents(Descriptor directory, VirtAddr to, unsigned size) {
  return read_entries(directory, to, size, EntryWriter::Form::kOld);
}
SyscallResult sys_getdents64(Descriptor directory, VirtAddr to, unsigned size) {
  return read_entries(directory, to, size, EntryWriter::Form::kNew);
}

}  // namespace mokapot
