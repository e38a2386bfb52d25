// SPDX-License-Identifier: Apache-2.0
#include "io/epoll.h"

#include "base/format.h"
#include "base/global.h"
#include "io/anonymous.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// Reported whether asked for or not: part of every armed item's events.
constexpr PollEvents kAlways = kPollError | kPollHangUp;
// What is left of an item's events once a one-shot has fired: nothing is announced until it is modified.
constexpr std::uint32_t kBehaviour = kEpollExclusive | kEpollWakeUp | kEpollOneShot | kEpollEdge;
constexpr unsigned kMostNesting = 4;  // Linux's EP_MAX_NESTS

struct Globals {
  // Keeps epolls and their items in place while a watched file, or an epoll, dies; and serialises the
  // making of nested watches.
  Mutex detach{LockRank::kEpollDetach};
  SpinLock nesting{LockRank::kEpollNesting};
};
Global<Globals> globals;

}  // namespace

void initialise_epoll() { globals.construct(); }

void detach_watches(File& file) {
  MutexGuard guard(globals->detach);
  while (FileWatch* watch = file.first_watch()) watch->on_file_closed();
}

// --- Items ------------------------------------------------------------------------------------------

bool EpollItem::on_event(PollEvents events) { return owner_.announce(*this, events); }

void EpollItem::on_file_closed() {
  MutexGuard guard(owner_.mutex_);
  owner_.remove_locked(*this);
}

// --- The set ----------------------------------------------------------------------------------------

EpollFile::~EpollFile() {
  MutexGuard guard(globals->detach);
  while (true) {
    FileWatch* watch = nullptr;
    {
      IrqSpinGuard nesting(globals->nesting);
      if (!outer_.empty()) watch = &outer_.front();
    }
    if (watch == nullptr) break;
    watch->on_file_closed();
  }
  MutexGuard set(mutex_);
  while (!items_.empty()) remove_locked(*items_.begin());
}

EpollItem* EpollFile::find_locked(File& file, std::int32_t descriptor) {
  struct Key {
    File* file;
    std::int32_t descriptor;
  };
  struct Compare {
    bool operator()(const Key& key, const EpollItem& item) const {
      return key.file != &item.file_ ? key.file < &item.file_ : key.descriptor < item.descriptor_;
    }
    bool operator()(const EpollItem& item, const Key& key) const {
      return &item.file_ != key.file ? &item.file_ < key.file : item.descriptor_ < key.descriptor;
    }
  };
  auto found = items_.find(Key{&file, descriptor}, Compare{});
  return found == items_.end() ? nullptr : &*found;
}

Result<void> EpollFile::add_item(File& file, std::int32_t descriptor, const EpollEvent& event,
                                 RefPtr<EpollItem>& added) {
  MutexGuard guard(mutex_);
  if (find_locked(file, descriptor) != nullptr) return Errno::kEEXIST;
  RefPtr<EpollItem> item = TRY(make_ref<EpollItem>(
      *this, file, descriptor, EpollEvent{event.events | kAlways, event.data}));
  if (file.kind() == FileKind::kEpoll) TRY(link_nested(*item, static_cast<EpollFile&>(file)));
  added = item;
  items_.insert(*item.release());
  file.add_watch(*added);
  return {};
}

Result<void> EpollFile::add(RefPtr<File> file, std::int32_t descriptor, const EpollEvent& event) {
  if (!file->pollable()) return Errno::kEPERM;
  RefPtr<EpollItem> item;
  if (file->kind() == FileKind::kEpoll) {
    MutexGuard guard(globals->detach);  // two threads must not close a cycle between them
    TRY(add_item(*file, descriptor, event, item));
  } else {
    TRY(add_item(*file, descriptor, event, item));
  }
  // Asked only now: what changed before the watch was in place is not announced.
  announce(*item, file->poll());
  return {};
}

Result<void> EpollFile::modify(RefPtr<File> file, std::int32_t descriptor, const EpollEvent& event) {
  RefPtr<EpollItem> item;
  {
    MutexGuard guard(mutex_);
    item = RefPtr<EpollItem>(find_locked(*file, descriptor));
    if (!item) return Errno::kENOENT;
    if (item->exclusive_) return Errno::kEINVAL;
    IrqSpinGuard ready(ready_lock_);
    item->event_ = {event.events | kAlways, event.data};
    ++item->generation_;
  }
  announce(*item, file->poll());
  return {};
}

Result<void> EpollFile::remove(File& file, std::int32_t descriptor) {
  MutexGuard guard(mutex_);
  EpollItem* item = find_locked(file, descriptor);
  if (item == nullptr) return Errno::kENOENT;
  remove_locked(*item);
  return {};
}

void EpollFile::remove_locked(EpollItem& item) {
  item.file_.remove_watch(item);  // from here on nothing announces it
  if (item.nested_hook.is_linked()) {
    IrqSpinGuard nesting(globals->nesting);
    nested_.erase(nested_.iterator_to(item));
  }
  {
    IrqSpinGuard ready(ready_lock_);
    if (item.state_ == EpollItem::State::kReady) {
      ready_.erase(ready_.iterator_to(item));
      --ready_count_;
    }
    item.state_ = EpollItem::State::kGone;
  }
  items_.erase(items_.iterator_to(item));
  item.drop_reference();
}

// --- Epolls that watch epolls ---------------------------------------------------------------------------

bool EpollFile::watched_by_locked(const EpollFile& other) const {
  if (this == &other) return true;
  for (const FileWatch& watch : outer_) {
    // SAFETY: nothing but epoll items watches files.
    if (static_cast<const EpollItem&>(watch).owner_.watched_by_locked(other)) return true;
  }
  return false;
}

unsigned EpollFile::depth_above_locked() const {
  unsigned depth = 0;
  for (const FileWatch& watch : outer_) {
    // SAFETY: as above.
    const unsigned above = static_cast<const EpollItem&>(watch).owner_.depth_above_locked() + 1;
    if (above > depth) depth = above;
  }
  return depth;
}

unsigned EpollFile::depth_below_locked() const {
  unsigned depth = 0;
  for (const EpollItem& item : nested_) {
    const unsigned below = static_cast<const EpollFile&>(item.file_).depth_below_locked() + 1;
    if (below > depth) depth = below;
  }
  return depth;
}

Result<void> EpollFile::link_nested(EpollItem& item, EpollFile& inner) {
  IrqSpinGuard nesting(globals->nesting);
  if (watched_by_locked(inner)) return Errno::kELOOP;
  if (depth_above_locked() + 1 + inner.depth_below_locked() > kMostNesting) return Errno::kELOOP;
  nested_.push_back(item);
  return {};
}

void EpollFile::add_watch(FileWatch& watch) {
  IrqSpinGuard nesting(globals->nesting);
  outer_.push_back(watch);
  outer_count_.fetch_add(1, std::memory_order_seq_cst);
}

void EpollFile::remove_watch(FileWatch& watch) {
  IrqSpinGuard nesting(globals->nesting);
  outer_.erase(outer_.iterator_to(watch));
  outer_count_.fetch_sub(1, std::memory_order_release);
}

void EpollFile::tell_watchers() {
  readiness().wake_all();
  // As in File::notify: orders the ready list's change before the look at the count.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (outer_count_.load(std::memory_order_relaxed) == 0) return;
  IrqSpinGuard nesting(globals->nesting);
  tell_watchers_locked();
}

void EpollFile::tell_watchers_locked() {
  for (FileWatch& watch : outer_) {
    // SAFETY: nothing but epoll items watches files.
    EpollItem& item = static_cast<EpollItem&>(watch);
    if (!item.owner_.mark_ready(item, kPollReadable)) continue;
    item.owner_.readiness().wake_all();
    item.owner_.tell_watchers_locked();
  }
}

// --- Ready items ------------------------------------------------------------------------------------------

// Puts the item on the list and wakes a sleeper; false if the event concerns nobody.
bool EpollFile::mark_ready(EpollItem& item, PollEvents events) {
  {
    IrqSpinGuard guard(ready_lock_);
    if (item.state_ == EpollItem::State::kGone) return false;
    const std::uint32_t wanted = item.event_.events & ~kBehaviour;
    if (wanted == 0 || (events & wanted) == 0) return false;
    if (item.state_ == EpollItem::State::kTaken) {
      item.announced_again_ = true;  // put_back() sees to it
      return false;
    }
    if (item.state_ == EpollItem::State::kIdle) {
      item.state_ = EpollItem::State::kReady;
      ready_.push_back(item);
      ++ready_count_;
    }
  }
  sleepers_.wake_one();
  return true;
}

bool EpollFile::announce(EpollItem& item, PollEvents events) {
  const bool sleeping = sleepers_.has_waiters();
  if (!mark_ready(item, events)) return false;
  tell_watchers();
  return sleeping;
}

std::size_t EpollFile::ready_count() {
  IrqSpinGuard guard(ready_lock_);
  return ready_count_;
}

EpollFile::Taken EpollFile::take_ready() {
  Taken taken;
  IrqSpinGuard guard(ready_lock_);
  while (!ready_.empty()) {
    EpollItem& item = ready_.front();
    ready_.pop_front();
    --ready_count_;
    item.state_ = EpollItem::State::kIdle;
    // A file that is dying is on its way to take the item out of the set.
    if (!item.file_.try_add_reference()) continue;
    item.state_ = EpollItem::State::kTaken;
    item.announced_again_ = false;
    ++taken_count_;
    taken.item = RefPtr<EpollItem>(&item);
    taken.file = RefPtr<File>::adopt(&item.file_);
    taken.event = item.event_;
    taken.generation = item.generation_;
    break;
  }
  return taken;
}

void EpollFile::put_back(const Taken& taken, PollEvents found, Keep keep) {
  EpollItem& item = *taken.item;
  bool tell = false;
  {
    IrqSpinGuard guard(ready_lock_);
    --taken_count_;
    if (item.state_ == EpollItem::State::kGone) return;
    item.state_ = EpollItem::State::kIdle;
    bool again = item.announced_again_;
    if (keep == Keep::kAlways) {
      again = true;
    } else if (found != 0) {
      if ((taken.event.events & kEpollOneShot) != 0) {
        if (item.generation_ == taken.generation) item.event_.events &= kBehaviour;
      } else if ((taken.event.events & kEpollEdge) == 0) {
        again = true;
      }
    }
    if (again && (item.event_.events & ~kBehaviour) != 0) {
      item.state_ = EpollItem::State::kReady;
      // What was only asked about keeps its turn; what was reported goes behind the others.
      if (keep == Keep::kAlways) {
        ready_.push_front(item);
      } else {
        ready_.push_back(item);
      }
      ++ready_count_;
      tell = missed_;
      missed_ = false;
    }
  }
  if (tell) tell_watchers();
}

Result<std::size_t> EpollFile::harvest(std::size_t most, Emit emit, void* context) {
  std::size_t reported = 0;
  Result<void> emitted;
  // Each item is asked once: level-triggered ones come back to the end of the list.
  for (std::size_t budget = ready_count(); budget > 0 && reported < most; --budget) {
    const Taken taken = take_ready();
    if (!taken.item) break;
    const PollEvents found = taken.file->poll() & taken.event.events & ~kBehaviour;
    if (found != 0) {
      emitted = emit(EpollEvent{found, taken.event.data}, reported, context);
      if (!emitted.ok()) {
        put_back(taken, found, Keep::kAlways);
        break;
      }
      ++reported;
    }
    put_back(taken, found, Keep::kAsTriggered);
  }
  // The announcements behind what is left may have been spent on this thread.
  if (ready_count() != 0) sleepers_.wake_one();
  if (reported == 0 && !emitted.ok()) return emitted.error();
  return reported;
}

Result<std::size_t> EpollFile::wait(std::size_t most, Instant deadline, Emit emit, void* context) {
  while (true) {
    const std::size_t reported = TRY(harvest(most, emit, context));
    if (reported != 0) return reported;
    if (now() >= deadline) return std::size_t{0};
    const WakeReason reason = wait_until(sleepers_, deadline, Interruptible::kYes,
                                         [this] { return ready_count() != 0; });
    if (reason == WakeReason::kInterrupted) return Errno::kEINTR;
    if (reason == WakeReason::kTimedOut) return harvest(most, emit, context);
  }
}

PollEvents EpollFile::poll() {
  for (std::size_t budget = ready_count(); budget > 0; --budget) {
    const Taken taken = take_ready();
    if (!taken.item) break;
    const PollEvents found = taken.file->poll() & taken.event.events & ~kBehaviour;
    put_back(taken, found, found != 0 ? Keep::kAlways : Keep::kAsTriggered);
    if (found != 0) return kPollReadable;
  }
  IrqSpinGuard guard(ready_lock_);
  if (taken_count_ != 0) missed_ = true;
  return 0;
}

Result<FileStatus> EpollFile::status() { return anonymous_status(); }

std::size_t EpollFile::describe(char* buffer, std::size_t size) {
  return format_to(buffer, size, "anon_inode:[eventpoll]");
}

}  // namespace mokapot
