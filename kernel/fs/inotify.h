// SPDX-License-Identifier: Apache-2.0
//
// inotify(7): what happens to files and directories, told to who watches them. The VFS calls tell_... after
// each operation; while nobody watches anything that is one load.
//
// A watch is on a vnode and holds a dentry of it, so that the vnode stays the same object. Differs from Linux in
// one thing: a file that is still open when it loses its last name is reported as deleted then, not at the close.
//
// Locks: one spinlock (rank kReadiness) guards all watches and all queues of events. Thread context; the
// namespace lock and locks of inodes may be held.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/ref_counted.h"
#include "base/result.h"
#include "fs/dentry.h"
#include "io/file.h"
#include "sync/spinlock.h"

namespace mokapot {

// Linux's values.
inline constexpr std::uint32_t kInAccess = 0x1, kInModify = 0x2, kInAttributes = 0x4, kInCloseWrite = 0x8;
inline constexpr std::uint32_t kInCloseNoWrite = 0x10, kInOpen = 0x20, kInMovedFrom = 0x40, kInMovedTo = 0x80;
inline constexpr std::uint32_t kInCreate = 0x100, kInDelete = 0x200, kInDeleteSelf = 0x400, kInMoveSelf = 0x800;
inline constexpr std::uint32_t kInAllEvents = 0xfff;
inline constexpr std::uint32_t kInUnmount = 0x2000, kInOverflow = 0x4000, kInIgnored = 0x8000;
inline constexpr std::uint32_t kInOnlyDirectory = 0x0100'0000, kInDoNotFollow = 0x0200'0000;
inline constexpr std::uint32_t kInExcludeUnlinked = 0x0400'0000, kInMaskCreate = 0x1000'0000;
inline constexpr std::uint32_t kInMaskAdd = 0x2000'0000, kInIsDirectory = 0x4000'0000, kInOneShot = 0x8000'0000;

extern SpinLock inotify_lock;

struct InotifyWatch;
struct InotifyEvent;

class InotifyFile final : public File {
 public:
  explicit InotifyFile(std::uint32_t flags) : File(flags) {}
  ~InotifyFile() override;

  // The watch's number. A second watch of one vnode changes the first. kEEXIST (kInMaskCreate), kENOMEM.
  Result<std::int32_t> watch(Dentry& dentry, std::uint32_t mask);
  Result<void> unwatch(std::int32_t number);  // kEINVAL

  Result<std::size_t> read(IoBuffer& into) override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  Result<FileStatus> status() override;
  PollEvents poll() override;
  bool pollable() override { return true; }
  void on_closed() override;
  FileKind kind() const override { return FileKind::kInotify; }
  std::size_t describe(char* buffer, std::size_t size) override;

 private:
  friend class InotifyTable;

  InotifyWatch* watches_ GUARDED_BY(inotify_lock) = nullptr;
  InotifyEvent* first_ GUARDED_BY(inotify_lock) = nullptr;
  InotifyEvent* last_ GUARDED_BY(inotify_lock) = nullptr;
  std::size_t event_count_ GUARDED_BY(inotify_lock) = 0;
  std::size_t event_bytes_ GUARDED_BY(inotify_lock) = 0;
  std::int32_t last_number_ GUARDED_BY(inotify_lock) = 0;
};

// How many watches there are. Relaxed: who begins to watch during an operation may miss it.
extern std::atomic<std::uint32_t> inotify_watch_count;
inline bool anyone_watches() { return inotify_watch_count.load(std::memory_order_relaxed) != 0; }

// Something happened to what dentry stands for: told to who watches it, and by name to who watches its directory.
void tell_watchers_of_node(Dentry& dentry, std::uint32_t event);
inline void tell_node(Dentry& dentry, std::uint32_t event) {
  if (anyone_watches()) tell_watchers_of_node(dentry, event);
}
// Told to who watches the vnode itself only.
void tell_watchers_of_self(Vnode& node, std::uint32_t event);
inline void tell_self(Vnode& node, std::uint32_t event) {
  if (anyone_watches()) tell_watchers_of_self(node, event);
}
// A name in directory was made or taken away; child is what it stood for.
void tell_watchers_of_name(Vnode& directory, std::string_view name, Vnode& child, std::uint32_t event, std::uint32_t cookie);
inline void tell_name(Vnode& directory, std::string_view name, Vnode& child, std::uint32_t event) {
  if (anyone_watches()) tell_watchers_of_name(directory, name, child, event, 0);
}
// A name of child was taken away.
void tell_removed(Vnode& directory, std::string_view name, Vnode& child);
// from became to. target: what lost its name to the moved one, or null.
struct MovedName {
  Vnode& directory;
  std::string_view name;
};
void tell_moved(MovedName from, MovedName to, Vnode& child, Vnode* target);

}  // namespace mokapot
