// SPDX-License-Identifier: Apache-2.0
//
// Extended attributes, xattr(7): by path, by path without following a last link, by descriptor.
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

constexpr std::size_t kMostName = 255, kMostValue = 65536;  // XATTR_NAME_MAX, XATTR_SIZE_MAX

struct AttributeName {
  char text[kMostName + 1];
  std::size_t size = 0;
  std::string_view view() const { return {text, size}; }
  // kERANGE for an empty name or one that is too long.
  Result<void> read(VirtAddr from) {
    Result<std::size_t> length = copy_string_from_application(text, from, sizeof(text));
    if (!length.ok()) return length.error() == Errno::kENAMETOOLONG ? Errno::kERANGE : length.error();
    if (length.value() == 0) return Errno::kERANGE;
    size = length.value();
    return {};
  }
};

// The file of an f...xattr call. Pipes and sockets have no attributes: kEOPNOTSUPP.
Result<RefPtr<Dentry>> dentry_of(std::int32_t descriptor) {
  RefPtr<File> file = TRY(descriptor_file(descriptor));
  if (file->dentry() == nullptr) return Errno::kEOPNOTSUPP;
  return RefPtr<Dentry>(file->dentry());
}

Result<RefPtr<Dentry>> dentry_at(Path path, LastLink last) { return locate_dentry(kAtWorkingDirectory, path, last); }

Result<std::unique_ptr<char[]>> value_buffer(std::size_t size) {
  std::unique_ptr<char[]> buffer(new (std::nothrow) char[size]);
  if (!buffer) return Errno::kENOMEM;
  return buffer;
}

SyscallResult get(Result<RefPtr<Dentry>> found, VirtAddr name_address, VirtAddr to, std::size_t size) {
  RefPtr<Dentry> dentry = TRY(std::move(found));
  AttributeName name;
  TRY(name.read(name_address));
  if (size == 0) return static_cast<std::int64_t>(TRY(vfs_get_xattr(*dentry, name.view(), nullptr, 0)));
  if (size > kMostValue) size = kMostValue;
  const std::unique_ptr<char[]> value = TRY(value_buffer(size));
  const std::size_t length = TRY(vfs_get_xattr(*dentry, name.view(), value.get(), size));
  TRY(copy_to_application(to, value.get(), length));
  return static_cast<std::int64_t>(length);
}

SyscallResult set(Result<RefPtr<Dentry>> found, VirtAddr name_address, VirtAddr from, std::size_t size, int flags) {
  if ((static_cast<unsigned>(flags) & ~(kXattrCreate | kXattrReplace)) != 0) return Errno::kEINVAL;
  RefPtr<Dentry> dentry = TRY(std::move(found));
  AttributeName name;
  TRY(name.read(name_address));
  if (size > kMostValue) return Errno::kE2BIG;
  const std::unique_ptr<char[]> value = TRY(value_buffer(size));
  TRY(copy_from_application(value.get(), from, size));
  TRY(vfs_set_xattr(*dentry, name.view(), value.get(), size, static_cast<std::uint32_t>(flags)));
  return 0;
}

SyscallResult list(Result<RefPtr<Dentry>> found, VirtAddr to, std::size_t size) {
  RefPtr<Dentry> dentry = TRY(std::move(found));
  if (size == 0) return static_cast<std::int64_t>(TRY(vfs_list_xattrs(*dentry, nullptr, 0)));
  if (size > kMostValue) size = kMostValue;
  const std::unique_ptr<char[]> names = TRY(value_buffer(size));
  const std::size_t length = TRY(vfs_list_xattrs(*dentry, names.get(), size));
  TRY(copy_to_application(to, names.get(), length));
  return static_cast<std::int64_t>(length);
}

SyscallResult remove(Result<RefPtr<Dentry>> found, VirtAddr name_address) {
  RefPtr<Dentry> dentry = TRY(std::move(found));
  AttributeName name;
  TRY(name.read(name_address));
  TRY(vfs_remove_xattr(*dentry, name.view()));
  return 0;
}

}  // namespace

SyscallResult sys_setxattr(Path path, VirtAddr name, VirtAddr value, std::size_t size, int flags) {
  return set(dentry_at(path, LastLink::kFollow), name, value, size, flags);
}
SyscallResult sys_lsetxattr(Path path, VirtAddr name, VirtAddr value, std::size_t size, int flags) {
  return set(dentry_at(path, LastLink::kNoFollow), name, value, size, flags);
}
SyscallResult sys_fsetxattr(Descriptor descriptor, VirtAddr name, VirtAddr value, std::size_t size, int flags) {
  return set(dentry_of(descriptor), name, value, size, flags);
}

SyscallResult sys_getxattr(Path path, VirtAddr name, VirtAddr to, std::size_t size) {
  return get(dentry_at(path, LastLink::kFollow), name, to, size);
}
SyscallResult sys_lgetxattr(Path path, VirtAddr name, VirtAddr to, std::size_t size) {
  return get(dentry_at(path, LastLink::kNoFollow), name, to, size);
}
SyscallResult sys_fgetxattr(Descriptor descriptor, VirtAddr name, VirtAddr to, std::size_t size) {
  return get(dentry_of(descriptor), name, to, size);
}

SyscallResult sys_listxattr(Path path, VirtAddr to, std::size_t size) {
  return list(dentry_at(path, LastLink::kFollow), to, size);
}
SyscallResult sys_llistxattr(Path path, VirtAddr to, std::size_t size) {
  return list(dentry_at(path, LastLink::kNoFollow), to, size);
}
SyscallResult sys_flistxattr(Descriptor descriptor, VirtAddr to, std::size_t size) {
  return list(dentry_of(descriptor), to, size);
}

SyscallResult sys_removexattr(Path path, VirtAddr name) { return remove(dentry_at(path, LastLink::kFollow), name); }
SyscallResult sys_lremovexattr(Path path, VirtAddr name) {
  return remove(dentry_at(path, LastLink::kNoFollow), name);
}
SyscallResult sys_fremovexattr(Descriptor descriptor, VirtAddr name) { return remove(dentry_of(descriptor), name); }

}  // namespace mokapot
