// SPDX-License-Identifier: Apache-2.0
//
// Datagrams on their way to a socket, and the queue of those that it has not read. Bounded by the socket's receive
// buffer. Lock: one spinlock a queue (rank kReadiness). Thread context.
#pragma once

#include <atomic>
#include <memory>

#include "base/intrusive.h"
#include "net/inet_address.h"
#include "sync/spinlock.h"

struct pbuf;

namespace mokapot {

// What is known of a datagram beside its bytes.
struct DatagramEnvelope {
  InetEndpoint from, to;
  std::uint32_t interface = 0;
  std::uint8_t time_to_live = 64, type_of_service = 0;
};

class Datagram {
 public:
  // Shares the buffer. nullptr: no memory.
  static Datagram* create(const DatagramEnvelope& envelope, pbuf* data, std::size_t size);
  ~Datagram();

  const DatagramEnvelope envelope;
  const std::size_t size;      // payload bytes
  const std::int64_t came_at;  // wall clock, nanoseconds
  pbuf* const data;
  ListHook queue_hook;         // DatagramQueue::waiting_

 private:
  Datagram(const DatagramEnvelope& e, pbuf* d, std::size_t s);
};

class DatagramQueue {
 public:
  ~DatagramQueue();
  // Takes over. False: full, and the datagram is gone.
  bool push(Datagram* datagram, std::size_t most_bytes);
  std::unique_ptr<Datagram> pop();
  std::unique_ptr<Datagram> copy_first();             // for a look at it
  std::size_t first_size();                           // 0: none
  bool empty() const { return count_.load(std::memory_order_acquire) == 0; }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  SpinLock lock_{LockRank::kReadiness};
  IntrusiveList<Datagram, &Datagram::queue_hook> waiting_ GUARDED_BY(lock_);
  std::size_t bytes_ GUARDED_BY(lock_) = 0;
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace mokapot
