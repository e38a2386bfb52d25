// SPDX-License-Identifier: Apache-2.0

#include "fs/inotify.h"

#include <memory>
#include <new>
#include <utility>

#include "base/format.h"
#include "fs/vfs.h"
#include "io/anonymous.h"

namespace mokapot {

struct InotifyWatch {
  RefPtr<Dentry> dentry;
  InotifyFile* file;
  std::int32_t number;
  std::uint32_t mask;
  InotifyWatch* next_in_bucket = nullptr;  // InotifyTable's; the graveyard's once it is out
  InotifyWatch* next_of_file = nullptr;
};

struct InotifyEvent {
  std::int32_t number;
  std::uint32_t mask, cookie;
  std::uint32_t name_size;  // without NUL
  InotifyEvent* next = nullptr;
  std::unique_ptr<char[]> name;
};

constinit SpinLock inotify_lock{LockRank::kReadiness};
constinit std::atomic<std::uint32_t> inotify_watch_count{0};

namespace {

// struct inotify_event without its name, which follows, padded with NULs to a multiple of this.
struct EventHeader {
  std::int32_t number;
  std::uint32_t mask, cookie, name_size;
};
static_assert(sizeof(EventHeader) == 16);

constexpr std::size_t kMostEvents = 16384;  // of one queue: /proc/sys/fs/inotify/max_queued_events
constexpr std::size_t kBuckets = 128;
constexpr std::uint32_t kGetBytesAvailable = 0x541b;  // FIONREAD

constinit InotifyWatch* buckets[kBuckets] GUARDED_BY(inotify_lock) = {};
constinit std::atomic<std::uint32_t> last_cookie{0};

InotifyWatch*& bucket_of(const Vnode& node) REQUIRES(inotify_lock) {
  return buckets[(VirtAddr(&node).value() >> 6) % kBuckets];
}

std::size_t size_of(const InotifyEvent& event) {
  const std::size_t name = event.name_size == 0 ? 0 : align_up(event.name_size + 1, sizeof(EventHeader));
  return sizeof(EventHeader) + name;
}

std::uint32_t directory_bit(const Vnode& node) { return node.is_directory() ? kInIsDirectory : 0; }

// Watches that are out of all lists; their dentries go when the lock is released.
class Graveyard {
 public:
  ~Graveyard() {
    while (first_ != nullptr) {
      const std::unique_ptr<InotifyWatch> watch(std::exchange(first_, first_->next_in_bucket));
    }
  }
  void add(InotifyWatch& watch) {
    watch.next_in_bucket = first_;
    first_ = &watch;
  }

 private:
  InotifyWatch* first_ = nullptr;
};

}  // namespace

// The functions on files' lists, all under the lock.
class InotifyTable {
 public:
  static void queue(InotifyFile& file, std::int32_t number, std::uint32_t mask, std::uint32_t cookie,
                    std::string_view name) REQUIRES(inotify_lock) {
    if (file.last_ != nullptr && is_same(*file.last_, number, mask, cookie, name)) return;
    const bool overflows = file.event_count_ >= kMostEvents;
    if (overflows) {
      if (file.last_->mask == kInOverflow) return;
      number = -1;
      mask = kInOverflow;
      cookie = 0;
      name = {};
    }
    // An event for which there is no memory is lost, as one of a full queue.
    std::unique_ptr<InotifyEvent> event(
        new (std::nothrow) InotifyEvent{number, mask, cookie, static_cast<std::uint32_t>(name.size()), nullptr, nullptr});
    if (!event) return;
    if (!name.empty()) {
      event->name.reset(new (std::nothrow) char[name.size()]);
      if (!event->name) return;
      name.copy(event->name.get(), name.size());
    }
    file.event_bytes_ += size_of(*event);
    ++file.event_count_;
    InotifyEvent* added = event.release();
    (file.last_ == nullptr ? file.first_ : file.last_->next) = added;
    file.last_ = added;
    file.notify(kPollReadable);
  }

  static std::unique_ptr<InotifyEvent> take(InotifyFile& file) REQUIRES(inotify_lock) {
    std::unique_ptr<InotifyEvent> event(file.first_);
    file.first_ = event->next;
    if (file.first_ == nullptr) file.last_ = nullptr;
    --file.event_count_;
    file.event_bytes_ -= size_of(*event);
    return event;
  }

  static void remove(InotifyWatch& watch, Graveyard& graveyard) REQUIRES(inotify_lock) {
    InotifyWatch** at = &bucket_of(watch.dentry->vnode());
    while (*at != &watch) at = &(*at)->next_in_bucket;
    *at = watch.next_in_bucket;
    at = &watch.file->watches_;
    while (*at != &watch) at = &(*at)->next_of_file;
    *at = watch.next_of_file;
    inotify_watch_count.fetch_sub(1, std::memory_order_relaxed);
    graveyard.add(watch);
  }

  static void remove_and_say(InotifyWatch& watch, Graveyard& graveyard) REQUIRES(inotify_lock) {
    queue(*watch.file, watch.number, kInIgnored, 0, {});
    remove(watch, graveyard);
  }

  enum class Then : std::uint8_t { kKeep, kRemoveAll };
  static void tell(Vnode& node, std::uint32_t event, std::uint32_t bits, std::uint32_t cookie, std::string_view name,
                   Then then = Then::kKeep) {
    Graveyard graveyard;
    SpinGuard guard(inotify_lock);
    for (InotifyWatch *watch = bucket_of(node), *next; watch != nullptr; watch = next) {
      next = watch->next_in_bucket;
      if (&watch->dentry->vnode() != &node) continue;
      const bool wanted = (watch->mask & event) != 0;
      if (wanted) queue(*watch->file, watch->number, event | bits, cookie, name);
      if (then == Then::kRemoveAll || (wanted && (watch->mask & kInOneShot) != 0)) remove_and_say(*watch, graveyard);
    }
  }

  static void drop_watches(InotifyFile& file) {
    Graveyard graveyard;
    SpinGuard guard(inotify_lock);
    while (file.watches_ != nullptr) remove(*file.watches_, graveyard);
  }

 private:
  static bool is_same(const InotifyEvent& event, std::int32_t number, std::uint32_t mask, std::uint32_t cookie,
                      std::string_view name) {
    return event.number == number && event.mask == mask && event.cookie == cookie &&
           std::string_view(event.name.get(), event.name_size) == name;
  }
};

// --- The file --------------------------------------------------------------------------------------

InotifyFile::~InotifyFile() {
  // A call that was under way when the descriptor was closed may have added a watch since.
  InotifyTable::drop_watches(*this);
  SpinGuard guard(inotify_lock);
  while (first_ != nullptr) InotifyTable::take(*this);
}

void InotifyFile::on_closed() { InotifyTable::drop_watches(*this); }

Result<std::int32_t> InotifyFile::watch(Dentry& dentry, std::uint32_t mask) {
  constexpr std::uint32_t kKept = kInAllEvents | kInOneShot | kInExcludeUnlinked;
  std::unique_ptr<InotifyWatch> made(new (std::nothrow) InotifyWatch{RefPtr<Dentry>(&dentry), this, 0, mask & kKept});
  if (!made) return Errno::kENOMEM;
  SpinGuard guard(inotify_lock);
  for (InotifyWatch* known = watches_; known != nullptr; known = known->next_of_file) {
    if (&known->dentry->vnode() != &dentry.vnode()) continue;
    if ((mask & kInMaskCreate) != 0) return Errno::kEEXIST;
    known->mask = (mask & kInMaskAdd) != 0 ? known->mask | (mask & kKept) : mask & kKept;
    return known->number;
  }
  InotifyWatch* added = made.release();
  added->number = ++last_number_;
  added->next_of_file = watches_;
  watches_ = added;
  InotifyWatch*& bucket = bucket_of(dentry.vnode());
  added->next_in_bucket = bucket;
  bucket = added;
  inotify_watch_count.fetch_add(1, std::memory_order_relaxed);
  return added->number;
}

Result<void> InotifyFile::unwatch(std::int32_t number) {
  Graveyard graveyard;
  SpinGuard guard(inotify_lock);
  for (InotifyWatch* known = watches_; known != nullptr; known = known->next_of_file) {
    if (known->number != number) continue;
    InotifyTable::remove_and_say(*known, graveyard);
    return {};
  }
  return Errno::kEINVAL;
}

Result<std::size_t> InotifyFile::read(IoBuffer& into) {
  std::size_t done = 0;
  while (true) {
    std::unique_ptr<InotifyEvent> event;
    bool too_small = false;
    const auto try_take = [&] {
      SpinGuard guard(inotify_lock);
      if (first_ == nullptr) return false;
      too_small = size_of(*first_) > into.remaining();
      if (!too_small) event = InotifyTable::take(*this);
      return true;
    };
    if (!try_take()) {
      if (done != 0) return done;
      if (non_blocking()) return Errno::kEAGAIN;
      if (wait_until(readiness(), Instant::never(), Interruptible::kYes, try_take) != WakeReason::kWoken)
        return Errno::kRestart;
    }
    if (too_small) return done != 0 ? Result<std::size_t>(done) : Errno::kEINVAL;
    const std::size_t size = size_of(*event);
    const std::size_t padded = size - sizeof(EventHeader);
    const EventHeader header{event->number, event->mask, event->cookie, static_cast<std::uint32_t>(padded)};
    TRY(into.copy_in(&header, sizeof(header)));
    TRY(into.copy_in(event->name.get(), event->name_size));
    TRY(into.clear(padded - event->name_size));
    done += size;
  }
}

Result<std::int64_t> InotifyFile::control(std::uint32_t request, std::uint64_t argument) {
  if (request != kGetBytesAvailable) return Errno::kENOTTY;
  std::size_t bytes = 0;
  {
    SpinGuard guard(inotify_lock);
    bytes = event_bytes_;
  }
  TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(bytes)));
  return std::int64_t{0};
}

Result<FileStatus> InotifyFile::status() { return anonymous_status(); }

PollEvents InotifyFile::poll() {
  SpinGuard guard(inotify_lock);
  return first_ != nullptr ? kPollReadable : 0;
}

std::size_t InotifyFile::describe(char* buffer, std::size_t size) { return format_to(buffer, size, "anon_inode:inotify"); }

// --- What happened -----------------------------------------------------------------------------------

void tell_watchers_of_self(Vnode& node, std::uint32_t event) {
  // Linux leaves the directory bit out of these two.
  const std::uint32_t bits = (event & (kInDeleteSelf | kInMoveSelf)) != 0 ? 0 : directory_bit(node);
  InotifyTable::tell(node, event, bits, 0, {});
}

void tell_watchers_of_node(Dentry& dentry, std::uint32_t event) {
  const RefPtr<Dentry> parent = DentryCache::parent_of(dentry);
  if (parent.get() != &dentry) {
    char name[kNameMax + 1];
    const std::size_t size = DentryCache::copy_name(dentry, name, sizeof name);
    InotifyTable::tell(parent->vnode(), event, directory_bit(dentry.vnode()), 0, {name, size});
  }
  tell_watchers_of_self(dentry.vnode(), event);
}

void tell_watchers_of_name(Vnode& directory, std::string_view name, Vnode& child, std::uint32_t event,
                           std::uint32_t cookie) {
  InotifyTable::tell(directory, event, directory_bit(child), cookie, name);
}

namespace {

// child lost a name; where that was its last one it is gone, and so are its watches.
void tell_if_gone(Vnode& child) {
  const auto status = child.status();
  if (!child.is_directory() && status.ok() && status.value().links != 0) return;
  InotifyTable::tell(child, kInDeleteSelf, 0, 0, {}, InotifyTable::Then::kRemoveAll);
}

}  // namespace

void tell_removed(Vnode& directory, std::string_view name, Vnode& child) {
  if (!anyone_watches()) return;
  if (!child.is_directory()) tell_watchers_of_self(child, kInAttributes);
  tell_if_gone(child);
  tell_watchers_of_name(directory, name, child, kInDelete, 0);
}

void tell_moved(MovedName from, MovedName to, Vnode& child, Vnode* target) {
  if (!anyone_watches()) return;
  const std::uint32_t cookie = last_cookie.fetch_add(1, std::memory_order_relaxed) + 1;
  tell_watchers_of_name(from.directory, from.name, child, kInMovedFrom, cookie);
  tell_watchers_of_name(to.directory, to.name, child, kInMovedTo, cookie);
  if (target != nullptr) tell_watchers_of_self(*target, kInAttributes);
  tell_watchers_of_self(child, kInMoveSelf);
  if (target != nullptr) tell_if_gone(*target);
}

}  // namespace mokapot
