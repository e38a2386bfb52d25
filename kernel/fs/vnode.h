// SPDX-License-Identifier: Apache-2.0
//
// A vnode: one file, directory, link or device of a mounted file system. File systems derive from it; the VFS
// (vfs.h) walks names and calls these operations.
//
// Locks: operations on names (lookup, create, ... rename) run under the namespace lock, shared for
// lookup and read_directory, exclusive for the others; except in dynamic file systems (procfs), whose
// operations are called with nothing held and must guard themselves. Attributes and data are
// guarded by the file system's own lock of the inode (rank kInode). Thread context; all may block.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/ref_counted.h"
#include "base/result.h"
#include "io/file.h"

namespace mokapot {

class Dentry;
class Mount;

// Linux's st_mode: type and permissions.
inline constexpr std::uint32_t kModeType = 0170000, kModeSocket = 0140000, kModeLink = 0120000;
inline constexpr std::uint32_t kModeRegular = 0100000, kModeBlockDevice = 060000, kModeDirectory = 040000;
inline constexpr std::uint32_t kModeCharDevice = 020000, kModeFifo = 010000;
inline constexpr std::uint32_t kModePermissions = 07777, kModeExecute = 0111, kModeSticky = 01000;

// st_dev and st_rdev as the stat system calls show them (the kernel's "new" encoding).
constexpr std::uint64_t make_device_number(std::uint32_t major, std::uint32_t minor) {
  return (minor & 0xff) | ((major & 0xfff) << 8) | (std::uint64_t{minor & ~0xffu} << 12);
}

struct DirectoryEntry {
  std::string_view name;
  std::uint64_t inode;
  std::uint64_t next_offset;  // d_off: where a later read goes on after this entry
  std::uint8_t type;          // DT_: the type bits of the mode shifted right by 12
};

// What a change of attributes sets; the file system adds the change time.
struct AttributeChange {
  bool set_mode = false, set_user = false, set_group = false, set_accessed = false, set_modified = false;
  std::uint32_t mode = 0, user = 0, group = 0;
  FileStatus::Time accessed, modified;
};

// Something that hangs on a vnode by a layer above: the listening socket of an AF_UNIX name, the pipe of
// a FIFO.
class VnodeAttachment : public RefCounted<VnodeAttachment> {
 public:
  virtual ~VnodeAttachment() = default;
};

class FileCache;
struct ReadAhead;

class Vnode : public RefCounted<Vnode> {
 public:
  Vnode() = default;
  virtual ~Vnode();

  virtual std::uint32_t type() const = 0;  // kMode... type bits
  bool is_directory() const { return type() == kModeDirectory; }
  bool is_regular() const { return type() == kModeRegular; }
  bool is_link() const { return type() == kModeLink; }
  virtual Result<FileStatus> status() = 0;

  // --- Directories. Names are never "." or "..", never empty, never longer than kNameMax. -----------
  virtual Result<RefPtr<Vnode>> lookup(std::string_view name);  // kENOENT
  // Makes a node; type_and_mode carries the type. kEEXIST cannot be: the VFS looked.
  virtual Result<RefPtr<Vnode>> create(std::string_view name, std::uint32_t type_and_mode, std::uint64_t device);
  virtual Result<RefPtr<Vnode>> create_link(std::string_view name, std::string_view target);  // symbolic
  virtual Result<RefPtr<Vnode>> create_unnamed(std::uint32_t mode);                           // O_TMPFILE
  virtual Result<void> link(std::string_view name, Vnode& existing);
  // Takes the name of a child away; a directory's must be empty (kENOTEMPTY).
  virtual Result<void> remove(std::string_view name, Vnode& child);
  // Moves child to new_parent (same file system) under new_name; replaced, if any, loses its name (it is
  // checked to fit; a directory must be empty). exchange: the two swap names.
  virtual Result<void> rename(std::string_view name, Vnode& child, Vnode& new_parent, std::string_view new_name,
                              Vnode* replaced, bool exchange);
  // Entries at or after offset but "." and "..", which the VFS makes at offsets 0 and 1: the first is
  // at kFirstEntryOffset. Stops where visit returns false.
  static constexpr std::uint64_t kFirstEntryOffset = 2;
  using EntryVisitor = bool (*)(const DirectoryEntry& entry, void* context);
  virtual Result<void> read_directory(std::uint64_t offset, EntryVisitor visit, void* context);
  // Its look-ups change without the VFS being told: nothing below is cached.
  virtual bool dynamic() const { return false; }

  // --- Links -------------------------------------------------------------------------------------
  virtual Result<std::size_t> read_link(char* buffer, std::size_t size);  // kEINVAL
  // Links that lead to an object and not to a name (/proc/self/fd/N): that object, or null.
  virtual Result<RefPtr<Dentry>> follow_link();

  // --- Contents ------------------------------------------------------------------------------------
  // The file of one open; dentry is this vnode's. Default: by type (VnodeFile, device, FIFO; kENXIO for a socket).
  virtual Result<RefPtr<File>> open(Dentry& dentry, std::uint32_t flags);
  // Called before data, size or attributes change, and at open for writing: kEROFS, copy-up.
  virtual Result<void> prepare_to_write() { return Errno::kEROFS; }
  virtual Result<RefPtr<FileCache>> cache();  // regular files: where the data is; kENODEV
  virtual Result<std::size_t> read(IoBuffer& into, std::uint64_t offset, ReadAhead& ahead);
  // At the end if append; offset becomes where it wrote.
  virtual Result<std::size_t> write(IoBuffer& from, std::uint64_t& offset, bool append);
  virtual Result<void> truncate(std::uint64_t size);
  virtual Result<void> allocate(std::uint32_t mode, std::uint64_t offset, std::uint64_t length);
  virtual Result<void> change_attributes(const AttributeChange& change);
  virtual Result<std::uint32_t> seals() { return Errno::kEINVAL; }
  virtual Result<void> add_seals(std::uint32_t) { return Errno::kEINVAL; }

  // --- Extended attributes --------------------------------------------------------------------------
  virtual Result<std::size_t> get_xattr(std::string_view name, void* value, std::size_t size);
  virtual Result<void> set_xattr(std::string_view name, const void* value, std::size_t size, std::uint32_t flags);
  virtual Result<std::size_t> list_xattrs(char* names, std::size_t size);
  virtual Result<void> remove_xattr(std::string_view name);

  // The file of the program that runs: until the end nobody opens it for writing or cuts it (kETXTBSY).
  void set_running() { running_.store(true, std::memory_order_relaxed); }
  bool running() const { return running_.load(std::memory_order_relaxed); }

  // What a layer above hangs here; replaced as a whole. Null if nothing.
  RefPtr<VnodeAttachment> attachment() const;
  void set_attachment(RefPtr<VnodeAttachment> attachment);

 private:
  std::atomic<bool> running_{false};
  RefPtr<VnodeAttachment> attachment_;  // guarded by a spinlock in vnode.cc
};

}  // namespace mokapot
