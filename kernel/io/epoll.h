// SPDX-License-Identifier: Apache-2.0
//
// epoll(7): a set of watched files, and the list of those that may be ready.
//
// An announcement of a watched file puts its item on the ready list and wakes one sleeper. Harvesting takes
// items off the list one at a time, asks the file with no lock held, and puts level-triggered items back
// at the end; while an item is out, announcements are remembered in it, so each is reported by one
// harvester at a time (EPOLLONESHOT and edge triggering rest on that).
//
// Locks, in order: detach mutex (kEpollDetach; a watched file or an epoll dies), mutex_ (kEpoll; the set),
// then spinlocks with interrupts off: kFileWatch of the watched file, kEpollNesting (which epolls watch which),
// ready_lock_ (kEpollReady; the list and the items' states), kEpollWaiters (sleepers).
#pragma once

#include <atomic>

#include "io/file.h"
#include "sched/mutex.h"

namespace mokapot {

// Linux's EPOLL... bits beyond the poll bits.
inline constexpr std::uint32_t kEpollExclusive = 1u << 28, kEpollWakeUp = 1u << 29;
inline constexpr std::uint32_t kEpollOneShot = 1u << 30, kEpollEdge = 1u << 31;

struct EpollEvent {
  std::uint32_t events = 0;
  std::uint64_t data = 0;
} __attribute__((packed));
static_assert(sizeof(EpollEvent) == 12);

class EpollFile;

// One watched file. The set owns a reference, a harvester that has taken the item off the list another.
class EpollItem final : public FileWatch, public RefCounted<EpollItem> {
 public:
  EpollItem(EpollFile& owner, File& file, std::int32_t descriptor, const EpollEvent& event)
      : owner_(owner), file_(file), descriptor_(descriptor),
        exclusive_((event.events & kEpollExclusive) != 0), event_(event) {}

  bool on_event(PollEvents events) override;
  bool exclusive() const override { return exclusive_; }
  void on_file_closed() override;

  TreeHook set_hook;      // EpollFile::items_
  ListHook ready_hook;    // EpollFile::ready_
  ListHook nested_hook;   // EpollFile::nested_, if the file is an epoll itself

 private:
  friend class EpollFile;
  enum class State : std::uint8_t { kIdle, kReady, kTaken, kGone };

  EpollFile& owner_;
  File& file_;  // not owned: the file takes its watches with it. Valid while the item is in the set
  const std::int32_t descriptor_;
  const bool exclusive_;
  // Guarded by the owner's ready_lock_.
  EpollEvent event_;
  std::uint32_t generation_ = 0;  // of event_: a one-shot that was armed anew must not be disarmed
  State state_ = State::kIdle;
  bool announced_again_ = false;  // while taken
};

class EpollFile final : public File {
 public:
  explicit EpollFile(std::uint32_t flags) : File(flags, LockRank::kEpollWaiters) {}
  ~EpollFile() override;

  // kEEXIST, kEPERM (not pollable), kELOOP (a cycle, or nested too deep), kENOMEM.
  Result<void> add(RefPtr<File> file, std::int32_t descriptor, const EpollEvent& event);
  Result<void> modify(RefPtr<File> file, std::int32_t descriptor, const EpollEvent& event);  // kENOENT, kEINVAL
  Result<void> remove(File& file, std::int32_t descriptor);                                  // kENOENT

  // Waits for events and hands up to `most` to emit, which may fault: that error then if it was the first.
  // Returns how many, 0 at the deadline; kEINTR.
  using Emit = Result<void> (*)(const EpollEvent& event, std::size_t index, void* context);
  Result<std::size_t> wait(std::size_t most, Instant deadline, Emit emit, void* context);

  Result<FileStatus> status() override;
  PollEvents poll() override;
  bool pollable() override { return true; }
  FileKind kind() const override { return FileKind::kEpoll; }
  std::size_t describe(char* buffer, std::size_t size) override;
  void add_watch(FileWatch& watch) override;
  void remove_watch(FileWatch& watch) override;

 private:
  friend class EpollItem;
  struct ItemOrder {
    bool operator()(const EpollItem& a, const EpollItem& b) const {
      return &a.file_ != &b.file_ ? &a.file_ < &b.file_ : a.descriptor_ < b.descriptor_;
    }
  };
  // An item on its way out of the ready list and back.
  struct Taken {
    RefPtr<EpollItem> item;
    RefPtr<File> file;
    EpollEvent event;
    std::uint32_t generation = 0;
  };
  enum class Keep : std::uint8_t { kAsTriggered, kAlways };

  EpollItem* find_locked(File& file, std::int32_t descriptor) REQUIRES(mutex_);
  void remove_locked(EpollItem& item) REQUIRES(mutex_);
  Result<void> add_item(File& file, std::int32_t descriptor, const EpollEvent& event,
                        RefPtr<EpollItem>& added);
  Result<void> link_nested(EpollItem& item, EpollFile& inner);
  unsigned depth_above_locked() const;
  unsigned depth_below_locked() const;
  bool watched_by_locked(const EpollFile& other) const;

  bool mark_ready(EpollItem& item, PollEvents events);
  bool announce(EpollItem& item, PollEvents events);
  void tell_watchers();
  void tell_watchers_locked();
  std::size_t ready_count();
  Taken take_ready();
  void put_back(const Taken& taken, PollEvents found, Keep keep);
  Result<std::size_t> harvest(std::size_t most, Emit emit, void* context);

  Mutex mutex_{LockRank::kEpoll};
  IntrusiveTree<EpollItem, &EpollItem::set_hook, ItemOrder> items_ GUARDED_BY(mutex_);
  SpinLock ready_lock_{LockRank::kEpollReady};
  IntrusiveList<EpollItem, &EpollItem::ready_hook> ready_ GUARDED_BY(ready_lock_);
  std::size_t ready_count_ GUARDED_BY(ready_lock_) = 0;
  std::size_t taken_count_ GUARDED_BY(ready_lock_) = 0;
  bool missed_ GUARDED_BY(ready_lock_) = false;  // poll() found nothing while items were taken
  WaitQueue sleepers_{LockRank::kEpollWaiters};  // in wait(); poll(2) waits on readiness()
  // Guarded by the one nesting lock in epoll.cc: items of other epolls that watch this one, and items of
  // this one that watch others. The count is also read without it.
  IntrusiveList<FileWatch, &FileWatch::file_hook> outer_;
  IntrusiveList<EpollItem, &EpollItem::nested_hook> nested_;
  std::atomic<std::uint32_t> outer_count_{0};
};

void initialise_epoll();  // boot, before the first descriptor

}  // namespace mokapot
