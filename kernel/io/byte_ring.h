// SPDX-License-Identifier: Apache-2.0
//
// A bounded queue of bytes between application threads: what pipes and stream sockets are made of. It moves
// bytes and knows how many there are; who waits and who is told is its user's.
//
// Lock: a mutex (rank kInode), held while application memory is copied, which may fault and sleep. The
// counters are written under it and may be read anywhere.
#pragma once

#include <atomic>
#include <memory>

#include "base/result.h"
#include "sched/mutex.h"
#include "vm/user_access.h"

namespace mokapot {

class ByteRing {
 public:
  explicit ByteRing(std::size_t capacity) : capacity_(capacity) {}

  std::size_t used() const { return used_.load(std::memory_order_acquire); }
  std::size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
  std::size_t room() const { return capacity() - used(); }

  enum class Consume : std::uint8_t { kNo, kYes };
  // Who must stay in step with the bytes: called under the mutex. Positions count from the first byte ever written.
  class Companion {
   public:
    // How many of the `used` bytes from position on one read may take.
    virtual std::size_t readable(std::uint64_t, std::size_t used) { return used; }
    virtual void was_read(std::uint64_t, std::size_t, Consume) {}
    virtual void was_written(std::uint64_t, std::size_t) {}

   protected:
    ~Companion() = default;
  };
  // Moves what there is, up to what fits; 0 if it is empty. A fault is an error only if it was at the first byte.
  Result<std::size_t> read(IoBuffer& into, Consume consume = Consume::kYes, Companion* companion = nullptr);
  // Moves at least `least` bytes (as far as the buffer has so many), or none: then kEAGAIN. kENOMEM.
  Result<std::size_t> write(IoBuffer& from, std::size_t least, Companion* companion = nullptr);
  // kEBUSY if what is in it does not fit, kENOMEM.
  Result<void> set_capacity(std::size_t capacity);

 private:
  Mutex mutex_{LockRank::kInode};
  std::unique_ptr<std::byte[]> bytes_ GUARDED_BY(mutex_);  // made by the first write
  std::size_t head_ GUARDED_BY(mutex_) = 0;                // where reading goes on
  std::uint64_t position_ GUARDED_BY(mutex_) = 0;          // of the byte at head_
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> capacity_;
};

}  // namespace mokapot
