// SPDX-License-Identifier: Apache-2.0
//
// The virtual file system as the layers above see it: names to files, operations on names, and mounts.
// Answers are Linux's, for the one user there is (uid 0: permission bits are kept but refuse nothing,
// except executing what nobody may execute).
//
// Boot, in order, all in thread context after the scheduler and the work queue:
//   initialise_page_cache();            // fs/page_cache.h: registers the reclaimer
//   initialise_vfs();                   // an empty tmpfs as root, so that everything below has a tree
//   mount_root(layers);                 // lowest EROFS layer first, under a memory upper layer
//   mount_pseudo_file_systems();        // /dev, /dev/shm, /proc, /sys; /tmp and /run if missing
//   install_proc_nodes();               // linux/proc_nodes.h: contents of /proc, /sys; mounts the cgroup tree
//   set_process_info(...);              // fs/process_info.h, by exec: what /proc/self tells of the program
// Character devices (fs/device_node.h) may be registered at any time before they are opened.
//
// Locks: one namespace lock (RwLock, rank kDirectory: shared for look-ups in file systems, exclusive for
// changes of names), then an inode's own (rank kInode). A cached look-up takes one short spinlock (rank
// kDentries). Thread context; every function may block. Paths are kernel memory, without their NUL.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/ref_counted.h"
#include "base/result.h"
#include "fs/dentry.h"
#include "fs/vnode.h"
#include "io/file.h"

namespace mokapot {

class BlockDevice;

// --- Boot ------------------------------------------------------------------------------------------
void initialise_vfs();
// kEUCLEAN or kEIO for a damaged image, kEOPNOTSUPP for an image that uses what the driver does not have;
// the log says which and where.
Result<void> mount_root(std::span<BlockDevice* const> layers);
Result<void> mount_pseudo_file_systems();
Result<void> mount_cgroup();  // at /sys/fs/cgroup, once sysfs has that directory

// --- Where a path begins ---------------------------------------------------------------------------
// A relative path begins at base: nullptr is the working directory (AT_FDCWD), otherwise the dentry of
// a descriptor (File::dentry(); a file without one is kENOTDIR, the caller's to answer).
RefPtr<Dentry> root_directory();
RefPtr<Dentry> current_directory();
Result<void> set_current_directory(RefPtr<Dentry> directory);  // kENOTDIR
std::uint32_t file_creation_mask();
std::uint32_t set_file_creation_mask(std::uint32_t mask);      // umask(2): returns the old one

// Absolute path of a dentry, NUL terminated; returns its length without NUL. A name that was removed ends
// in " (deleted)". kERANGE if it does not fit. For getcwd use current_directory_path, which is kENOENT
// for a removed directory.
Result<std::size_t> path_of(const Dentry& dentry, char* buffer, std::size_t size);
Result<std::size_t> current_directory_path(char* buffer, std::size_t size);
inline constexpr std::size_t kPathMax = 4096;  // with NUL
inline constexpr std::size_t kNameMax = 255;   // without

// --- Resolving -------------------------------------------------------------------------------------
enum class LastLink : std::uint8_t { kFollow, kNoFollow };
// The existing object at path. "" is kENOENT (AT_EMPTY_PATH is the caller's: it uses the base itself).
// kENOENT, kENOTDIR, kELOOP, kENAMETOOLONG, kEIO ... as path_resolution(7).
Result<RefPtr<Dentry>> vfs_resolve(Dentry* base, std::string_view path, LastLink last = LastLink::kFollow);

// --- Opening ---------------------------------------------------------------------------------------
// open(2) with every O_ flag of io/file.h, O_PATH, O_TMPFILE and O_DIRECTORY included; unknown flag bits are
// ignored, as open does (openat2 checks its own). mode is cut to 07777 and by the umask. O_CLOEXEC is the
// descriptor's. Flags of the file are what F_GETFL shows (O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC, O_CLOEXEC cut).
Result<RefPtr<File>> vfs_open(Dentry* base, std::string_view path, std::uint32_t flags, std::uint32_t mode);
// Opens what was resolved already (exec, /proc/self/fd/N). No O_CREAT.
Result<RefPtr<File>> vfs_open_dentry(Dentry& dentry, std::uint32_t flags);
// memfd_create: name without its "memfd:" prefix, <= 249 bytes (kEINVAL). kMemfdAllowSealing else F_SEAL_SEAL set.
inline constexpr std::uint32_t kMemfdCloseOnExec = 1, kMemfdAllowSealing = 2, kMemfdHugeTlb = 4;
inline constexpr std::uint32_t kMemfdNoExecSeal = 8, kMemfdExec = 0x10;
Result<RefPtr<File>> vfs_create_memfd(std::string_view name, std::uint32_t flags);
// MAP_SHARED|MAP_ANONYMOUS: pages of size bytes that live as long as the source. flags: 0 or kMemfdHugeTlb.
Result<RefPtr<PageSource>> create_shared_memory(std::uint64_t size, std::uint32_t flags);

// --- Names -----------------------------------------------------------------------------------------
// All as the *at system call of that name. Modes are cut to 07777 and by the umask where Linux does.
Result<void> vfs_mkdir(Dentry* base, std::string_view path, std::uint32_t mode);
// type_and_mode: S_IFREG (or 0), S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK. bind(2) makes its socket node so and
// gets the dentry, to hang the socket on (Vnode::set_attachment); kEEXIST becomes kEADDRINUSE there.
Result<RefPtr<Dentry>> vfs_make_node(Dentry* base, std::string_view path, std::uint32_t type_and_mode,
                                     std::uint64_t device);
Result<void> vfs_rmdir(Dentry* base, std::string_view path);
Result<void> vfs_unlink(Dentry* base, std::string_view path);
inline constexpr std::uint32_t kRenameNoReplace = 1, kRenameExchange = 2, kRenameWhiteout = 4;
Result<void> vfs_rename(Dentry* old_base, std::string_view old_path, Dentry* new_base,
                        std::string_view new_path, std::uint32_t flags);
Result<void> vfs_link(Dentry* old_base, std::string_view old_path, LastLink old_last, Dentry* new_base,
                      std::string_view new_path);
// linkat with AT_EMPTY_PATH, and of an O_TMPFILE file.
Result<void> vfs_link_dentry(Dentry& existing, Dentry* new_base, std::string_view new_path);
Result<void> vfs_symlink(std::string_view target, Dentry* base, std::string_view path);
// Bytes put into buffer, cut to size without an error; kEINVAL if it is not a link.
Result<std::size_t> vfs_readlink(Dentry* base, std::string_view path, char* buffer, std::size_t size);
Result<std::size_t> vfs_readlink_dentry(Dentry& dentry, char* buffer, std::size_t size);

// --- Attributes: of a dentry that was resolved (or File::dentry()) -------------------------------------
// Files without a dentry answer through File::status() and are not changed.
Result<FileStatus> vfs_status(Dentry& dentry);
Result<void> vfs_change_mode(Dentry& dentry, std::uint32_t mode);
inline constexpr std::uint32_t kKeepOwner = ~std::uint32_t{0};  // chown(2)'s -1
Result<void> vfs_change_owner(Dentry& dentry, std::uint32_t user, std::uint32_t group);
struct TimeUpdate {
  enum class Kind : std::uint8_t { kOmit, kNow, kSet } kind = Kind::kOmit;
  FileStatus::Time time;
};
Result<void> vfs_change_times(Dentry& dentry, TimeUpdate accessed, TimeUpdate modified);
Result<void> vfs_truncate(Dentry& dentry, std::uint64_t size);  // kEISDIR, kEINVAL, kEFBIG
// mode: R_OK 4, W_OK 2, X_OK 1, F_OK 0; kEACCES, kEROFS.
Result<void> vfs_access(Dentry& dentry, std::uint32_t mode);

struct FileSystemStatistics {
  std::uint64_t type = 0, block_size = 4096, blocks = 0, free_blocks = 0, files = 0, free_files = 0;
  std::uint64_t id = 0, name_max = 255, fragment_size = 4096, flags = 0;
};
Result<FileSystemStatistics> vfs_statistics(Dentry& dentry);

// Extended attributes. size 0 asks for the length; kERANGE, kENODATA, kEEXIST, kENOTSUP (= kEOPNOTSUPP).
inline constexpr std::uint32_t kXattrCreate = 1, kXattrReplace = 2;
inline constexpr std::size_t kXattrSizeMax = 65536;  // bytes of a value
Result<std::size_t> vfs_get_xattr(Dentry& dentry, std::string_view name, void* value, std::size_t size);
Result<void> vfs_set_xattr(Dentry& dentry, std::string_view name, const void* value, std::size_t size,
                           std::uint32_t flags);
Result<std::size_t> vfs_list_xattrs(Dentry& dentry, char* names, std::size_t size);
Result<void> vfs_remove_xattr(Dentry& dentry, std::string_view name);

// --- Operations on open files that io/File does not have ---------------------------------------------
// Directory entries from the file's position on, "." and ".." first; stops where visit returns false and leaves the
// position so that the refused entry comes next. Offsets are stable while entries come and go. kENOTDIR,
// kENOENT (removed directory). visit may fault. seek() to an offset seen earlier, or 0, works.
using DirectoryVisitor = bool (*)(const DirectoryEntry& entry, void* context);
Result<void> vfs_read_directory(File& directory, DirectoryVisitor visit, void* context);
// fallocate(2): mode 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE; others kEOPNOTSUPP; kENODEV, kESPIPE,
// kEINVAL, kEFBIG, kENOSPC as Linux. The descriptor was opened for writing (the caller's kEBADF).
Result<void> vfs_allocate(File& file, std::uint32_t mode, std::int64_t offset, std::int64_t length);
// POSIX_FADV_WILLNEED, readahead(2): starts to read, does not wait.
void vfs_prefetch(File& file, std::uint64_t offset, std::uint64_t length);
// F_GET_SEALS, F_ADD_SEALS: kEINVAL where there are none, kEPERM sealed, kEBUSY writable shared mapping.
Result<std::uint32_t> vfs_seals(File& file);
Result<void> vfs_add_seals(File& file, std::uint32_t seals);

// --- Mounts (for /proc/mounts and mountinfo) -----------------------------------------------------------
struct MountInformation {
  int id, parent;
  std::uint64_t device;         // st_dev
  const char* source;           // "overlay", "tmpfs", "proc" ...
  const char* type;
  const char* options;          // "rw,relatime"
  std::string_view path;        // where it is mounted
};
void vfs_for_each_mount(void (*visit)(const MountInformation& mount, void* context), void* context);
// Mounts an empty tmpfs; the directory is made if it is missing. Boot and the management interface.
Result<void> vfs_mount_tmpfs(std::string_view path, std::uint32_t mode);
// Makes a directory and its missing parents (the working directory of the configuration).
Result<void> vfs_make_directories(std::string_view path, std::uint32_t mode);

}  // namespace mokapot
