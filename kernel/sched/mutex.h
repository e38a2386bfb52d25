// SPDX-License-Identifier: Apache-2.0
//
// Sleeping locks, ranked like spinlocks and below them: a Mutex, and a RwLock whose readers do not
// exclude each other (writers are preferred, so they do not starve; hence a thread must not take a RwLock
// shared twice). Thread context only. Not handed over: whoever comes first after a release gets the lock, and
// one who was woken for it and lost waits again. Debug builds check ranks per thread.
#pragma once

#include <atomic>

#include "base/annotations.h"
#include "sched/wait_queue.h"
#include "sync/rank.h"

namespace mokapot {

class CAPABILITY("mutex") Mutex {
 public:
  explicit Mutex(LockRank rank) : rank_(rank) {}
  bool held_by_current_thread() const;

 private:
  friend class MutexGuard;
  friend class TryMutexGuard;
  void lock() ACQUIRE();
  void unlock() RELEASE();
  bool try_lock() TRY_ACQUIRE(true);
  bool try_take();

  std::atomic<Thread*> owner_{nullptr};
  WaitQueue waiters_;
  const LockRank rank_;
};

class SCOPED_CAPABILITY MutexGuard {
 public:
  explicit MutexGuard(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexGuard() RELEASE() { mutex_.unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& mutex_;
};

// Takes the mutex if nobody holds it; held() says whether.
class SCOPED_CAPABILITY TryMutexGuard {
 public:
  explicit TryMutexGuard(Mutex& mutex) NO_THREAD_SAFETY_ANALYSIS : mutex_(mutex), held_(mutex.try_lock()) {}
  ~TryMutexGuard() NO_THREAD_SAFETY_ANALYSIS {
    if (held_) mutex_.unlock();
  }
  bool held() const { return held_; }
  TryMutexGuard(const TryMutexGuard&) = delete;
  TryMutexGuard& operator=(const TryMutexGuard&) = delete;

 private:
  Mutex& mutex_;
  const bool held_;
};

class CAPABILITY("rwlock") RwLock {
 public:
  explicit RwLock(LockRank rank) : rank_(rank) {}

 private:
  friend class ReadGuard;
  friend class WriteGuard;
  void lock_shared() ACQUIRE_SHARED();
  void unlock_shared() RELEASE_SHARED();
  void lock() ACQUIRE();
  void unlock() RELEASE();
  bool try_share();
  bool try_take();

  // -1: a writer holds it; n > 0: n readers hold it.
  std::atomic<std::int32_t> holders_{0};
  std::atomic<std::uint32_t> waiting_writers_{0};  // while not zero, no reader comes in
  WaitQueue readers_;
  WaitQueue writers_;
  const LockRank rank_;
};

class SCOPED_CAPABILITY ReadGuard {
 public:
  explicit ReadGuard(RwLock& lock) ACQUIRE_SHARED(lock) : lock_(lock) { lock_.lock_shared(); }
  ~ReadGuard() RELEASE_GENERIC() { lock_.unlock_shared(); }
  ReadGuard(const ReadGuard&) = delete;
  ReadGuard& operator=(const ReadGuard&) = delete;

 private:
  RwLock& lock_;
};

class SCOPED_CAPABILITY WriteGuard {
 public:
  explicit WriteGuard(RwLock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~WriteGuard() RELEASE() { lock_.unlock(); }
  WriteGuard(const WriteGuard&) = delete;
  WriteGuard& operator=(const WriteGuard&) = delete;

 private:
  RwLock& lock_;
};

}  // namespace mokapot
