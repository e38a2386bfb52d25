// SPDX-License-Identifier: Apache-2.0
//
// What files are: the stat family, statx, statfs, access and readlink. Layouts are those of x86-64.
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

struct StatLayout {
  std::uint64_t device, inode, links;
  std::uint32_t mode, user, group, padding;
  std::uint64_t special_device;
  std::int64_t size, block_size, blocks;
  struct Time {
    std::int64_t seconds, nanoseconds;
  } accessed, modified, changed;
  std::int64_t unused[3];
};
static_assert(sizeof(StatLayout) == 144);

struct StatxLayout {
  std::uint32_t mask, block_size;
  std::uint64_t attributes;
  std::uint32_t links, user, group;
  std::uint16_t mode, padding;
  std::uint64_t inode, size, blocks, attributes_mask;
  struct Time {
    std::int64_t seconds;
    std::uint32_t nanoseconds;
    std::int32_t padding;
  } accessed, born, changed, modified;
  std::uint32_t special_major, special_minor, device_major, device_minor;
  std::uint64_t mount;
  std::uint32_t direct_memory_alignment, direct_offset_alignment;
  std::uint64_t spare[12];
};
static_assert(sizeof(StatxLayout) == 256);
constexpr std::uint32_t kStatxBasic = 0x7ff, kStatxBorn = 0x800, kStatxReserved = 0x80000000;
constexpr std::uint64_t kStatxSyncMask = 0x6000;

struct StatfsLayout {
  std::uint64_t type, block_size, blocks, free_blocks, available_blocks, files, free_files, id, name_max,
      fragment_size, flags, spare[4];
};
static_assert(sizeof(StatfsLayout) == 120);
// File system types of files that have no mount.
constexpr std::uint64_t kPipeMagic = 0x50495045, kSocketMagic = 0x534f434b, kAnonymousMagic = 0x09041934;

StatLayout::Time stat_time(const FileStatus::Time& time) { return {time.seconds, time.nanoseconds}; }
StatxLayout::Time statx_time(const FileStatus::Time& time) { return {time.seconds, time.nanoseconds, 0}; }

SyscallResult write_stat(VirtAddr to, const FileStatus& status) {
  StatLayout layout{};
  layout.device = status.device;
  layout.inode = status.inode;
  layout.links = status.links;
  layout.mode = status.mode;
  layout.user = status.user;
  layout.group = status.group;
  layout.special_device = status.special_device;
  layout.size = static_cast<std::int64_t>(status.size);
  layout.block_size = status.block_size;
  layout.blocks = static_cast<std::int64_t>(status.blocks);
  layout.accessed = stat_time(status.accessed);
  layout.modified = stat_time(status.modified);
  layout.changed = stat_time(status.changed);
  TRY(write_application(to, layout));
  return 0;
}

// Majors and minors out of the encoding that make_device_number makes.
std::uint32_t device_major(std::uint64_t device) { return static_cast<std::uint32_t>(device >> 8 & 0xfff); }
std::uint32_t device_minor(std::uint64_t device) {
  return static_cast<std::uint32_t>((device & 0xff) | (device >> 12 & 0xfff00));
}

StatxLayout statx_layout(const FileStatus& status) {
  StatxLayout layout{};
  const bool has_birth = status.born.seconds != 0 || status.born.nanoseconds != 0;
  layout.mask = kStatxBasic | (has_birth ? kStatxBorn : 0);
  layout.block_size = status.block_size;
  layout.links = status.links;
  layout.user = status.user;
  layout.group = status.group;
  layout.mode = static_cast<std::uint16_t>(status.mode);
  layout.inode = status.inode;
  layout.size = status.size;
  layout.blocks = status.blocks;
  layout.accessed = statx_time(status.accessed);
  layout.born = statx_time(status.born);
  layout.changed = statx_time(status.changed);
  layout.modified = statx_time(status.modified);
  layout.special_major = device_major(status.special_device);
  layout.special_minor = device_minor(status.special_device);
  layout.device_major = device_major(status.device);
  layout.device_minor = device_minor(status.device);
  return layout;
}

Result<FileStatus> status_at(std::int32_t base, Path path, std::uint64_t flags) {
  const LastLink last = (flags & kAtNoFollow) != 0 ? LastLink::kNoFollow : LastLink::kFollow;
  const auto empty =
      (flags & kAtEmptyPath) != 0 ? PathArgument::Empty::kAllowed : PathArgument::Empty::kRefused;
  Located located = TRY(locate(base, path, last, empty));
  if (located.file) return located.file->status();
  return vfs_status(*located.dentry);
}

SyscallResult write_statfs(VirtAddr to, const FileSystemStatistics& statistics) {
  StatfsLayout layout{};
  layout.type = statistics.type;
  layout.block_size = statistics.block_size;
  layout.blocks = statistics.blocks;
  layout.free_blocks = layout.available_blocks = statistics.free_blocks;
  layout.files = statistics.files;
  layout.free_files = statistics.free_files;
  layout.id = statistics.id;
  layout.name_max = statistics.name_max;
  layout.fragment_size = statistics.fragment_size;
  constexpr std::uint64_t kFlagsAreValid = 0x20;  // ST_VALID
  layout.flags = statistics.flags | kFlagsAreValid;
  TRY(write_application(to, layout));
  return 0;
}

SyscallResult access_at(std::int32_t base, Path path, int mode, std::uint64_t flags) {
  if ((mode & ~7) != 0) return Errno::kEINVAL;
  if ((flags & ~(kAtEffectiveAccess | kAtNoFollow | kAtEmptyPath)) != 0) return Errno::kEINVAL;
  const LastLink last = (flags & kAtNoFollow) != 0 ? LastLink::kNoFollow : LastLink::kFollow;
  const auto empty =
      (flags & kAtEmptyPath) != 0 ? PathArgument::Empty::kAllowed : PathArgument::Empty::kRefused;
  Located located = TRY(locate(base, path, last, empty));
  if (!located.dentry) return 0;  // a pipe, socket or the like: the one user may do everything with it
  TRY(vfs_access(*located.dentry, static_cast<std::uint32_t>(mode)));
  return 0;
}

SyscallResult readlink_at(std::int32_t base_descriptor, Path path, VirtAddr to, int size) {
  if (size <= 0) return Errno::kEINVAL;
  PathArgument argument;
  TRY(argument.read(path, PathArgument::Empty::kAllowed));
  std::unique_ptr<char[]> target(new (std::nothrow) char[kPathMax]);
  if (!target) return Errno::kENOMEM;
  const std::size_t wanted = static_cast<std::size_t>(size) < kPathMax ? static_cast<std::size_t>(size) : kPathMax;
  std::size_t length = 0;
  if (argument.empty()) {
    // "" reads a link that was opened with O_PATH|O_NOFOLLOW; for anything else there is nothing there.
    if (base_descriptor == kAtWorkingDirectory) return Errno::kENOENT;
    RefPtr<File> file = TRY(descriptor_file_or_path(base_descriptor));
    if (file->dentry() == nullptr) return Errno::kENOENT;
    Result<std::size_t> read = vfs_readlink_dentry(*file->dentry(), target.get(), wanted);
    if (!read.ok()) return read.error() == Errno::kEINVAL ? Errno::kENOENT : read.error();
    length = read.value();
  } else {
    const PathBase base = TRY(path_base(base_descriptor, argument.view()));
    length = TRY(vfs_readlink(base.dentry, argument.view(), target.get(), wanted));
  }
  TRY(copy_to_application(to, target.get(), length));
  return static_cast<std::int64_t>(length);
}

}  // namespace

SyscallResult sys_stat(Path path, VirtAddr to) {
  return write_stat(to, TRY(status_at(kAtWorkingDirectory, path, 0)));
}

SyscallResult sys_lstat(Path path, VirtAddr to) {
  return write_stat(to, TRY(status_at(kAtWorkingDirectory, path, kAtNoFollow)));
}

SyscallResult sys_fstat(Descriptor descriptor, VirtAddr to) {
  return write_stat(to, TRY(TRY(descriptor_file_or_path(descriptor))->status()));
}

SyscallResult sys_newfstatat(Descriptor base, Path path, VirtAddr to, Flags flags) {
  if ((flags & ~(kAtNoFollow | kAtNoAutomount | kAtEmptyPath)) != 0) return Errno::kEINVAL;
  return write_stat(to, TRY(status_at(base, path, flags)));
}

SyscallResult sys_statx(Descriptor base, Path path, Flags flags, unsigned mask, VirtAddr to) {
  if ((mask & kStatxReserved) != 0 || (flags & kStatxSyncMask) == kStatxSyncMask) return Errno::kEINVAL;
  if ((flags & ~(kAtNoFollow | kAtNoAutomount | kAtEmptyPath | kStatxSyncMask)) != 0) return Errno::kEINVAL;
  TRY(write_application(to, statx_layout(TRY(status_at(base, path, flags)))));
  return 0;
}

SyscallResult sys_statfs(Path path, VirtAddr to) {
  RefPtr<Dentry> dentry = TRY(locate_dentry(kAtWorkingDirectory, path, LastLink::kFollow));
  return write_statfs(to, TRY(vfs_statistics(*dentry)));
}

SyscallResult sys_fstatfs(Descriptor descriptor, VirtAddr to) {
  RefPtr<File> file = TRY(descriptor_file_or_path(descriptor));
  if (file->dentry() != nullptr) return write_statfs(to, TRY(vfs_statistics(*file->dentry())));
  FileSystemStatistics statistics;
  statistics.type = file->kind() == FileKind::kPipe     ? kPipeMagic
                    : file->kind() == FileKind::kSocket ? kSocketMagic
                                                        : kAnonymousMagic;
  return write_statfs(to, statistics);
}

SyscallResult sys_access(Path path, int mode) { return access_at(kAtWorkingDirectory, path, mode, 0); }

SyscallResult sys_faccessat(Descriptor base, Path path, int mode) { return access_at(base, path, mode, 0); }

SyscallResult sys_faccessat2(Descriptor base, Path path, int mode, Flags flags) {
  return access_at(base, path, mode, flags);
}

SyscallResult sys_readlink(Path path, VirtAddr to, int size) {
  return readlink_at(kAtWorkingDirectory, path, to, size);
}

SyscallResult sys_readlinkat(Descriptor base, Path path, VirtAddr to, int size) {
  return readlink_at(base, path, to, size);
}

}  // namespace mokapot
