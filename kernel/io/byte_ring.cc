// SPDX-License-Identifier: Apache-2.0
#include "io/byte_ring.h"

#include <algorithm>

namespace mokapot {

Result<std::size_t> ByteRing::read(IoBuffer& into, Consume consume, Companion* companion) {
  MutexGuard guard(mutex_);
  const std::size_t size = capacity();
  const std::size_t used = used_.load(std::memory_order_relaxed);
  std::size_t left = companion != nullptr ? companion->readable(position_, used) : used, at = head_, moved = 0;
  while (left > 0 && into.remaining() > 0) {
    const std::size_t piece = std::min(left, size - at);
    Result<std::size_t> copied = into.copy_in(&bytes_[at], piece);
    if (!copied.ok()) {
      if (moved == 0) return copied.error();
      break;
    }
    const std::size_t count = copied.value();
    at = (at + count) % size;
    left -= count;
    moved += count;
    if (count < piece) break;  // the buffer is full, or the rest of it faults
  }
  if (companion != nullptr && moved != 0) companion->was_read(position_, moved, consume);
  if (consume == Consume::kYes) {
    head_ = at;
    position_ += moved;
    used_.store(used - moved, std::memory_order_release);
  }
  return moved;
}

Result<std::size_t> ByteRing::write(IoBuffer& from, std::size_t least, Companion* companion) {
  MutexGuard guard(mutex_);
  const std::size_t size = capacity();
  if (!bytes_) {
    bytes_.reset(new (std::nothrow) std::byte[size]);
    if (!bytes_) return Errno::kENOMEM;
  }
  std::size_t used = used_.load(std::memory_order_relaxed), moved = 0;
  if (size - used < least) return Errno::kEAGAIN;
  while (used < size && from.remaining() > 0) {
    const std::size_t tail = (head_ + used) % size;
    const std::size_t piece = std::min(size - used, size - tail);
    Result<std::size_t> copied = from.copy_out(&bytes_[tail], piece);
    if (!copied.ok()) {
      if (moved == 0) return copied.error();
      break;
    }
    const std::size_t count = copied.value();
    used += count;
    moved += count;
    if (count < piece) break;
  }
  if (companion != nullptr && moved != 0) companion->was_written(position_ + used - moved, moved);
  used_.store(used, std::memory_order_release);
  return moved;
}

Result<void> ByteRing::set_capacity(std::size_t wanted) {
  std::unique_ptr<std::byte[]> fresh(new (std::nothrow) std::byte[wanted]);
  if (!fresh) return Errno::kENOMEM;
  MutexGuard guard(mutex_);
  const std::size_t used = used_.load(std::memory_order_relaxed), old = capacity();
  if (used > wanted) return Errno::kEBUSY;
  for (std::size_t i = 0; i < used; ++i) fresh[i] = bytes_[(head_ + i) % old];
  bytes_.swap(fresh);
  head_ = 0;
  capacity_.store(wanted, std::memory_order_relaxed);
  return {};
}

}  // namespace mokapot
