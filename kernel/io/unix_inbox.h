// SPDX-License-Identifier: Apache-2.0
//
// What a datagram socket has received and not read, and what senders need of it. They hold the inbox, not the socket: one
// that waits for room does not keep the socket alive, and hears of its end.
//
// Locks: the way to the owner has a spinlock (rank kReadiness), under which it is notified; `room` ranks below files' queues,
// since its waiters' callbacks notify files. Counters are atomic. Thread context.
#pragma once

#include "io/unix_message.h"

namespace mokapot {

class UnixInbox : public RefCounted<UnixInbox> {
 public:
  explicit UnixInbox(SocketFile* owner);

  // kECONNREFUSED: gone; kEPERM: it has another peer; kEPIPE: it reads no more; kEAGAIN: full.
  Result<void> push(RefPtr<UnixMessage> message, const UnixInbox& from);
  // Whether a message of `from` has to wait. Two that are each other's peers wait for their send buffers only.
  bool is_full_for(const UnixInbox& from);
  void after_taking();  // messages were taken off
  void notify(PollEvents events);
  RefPtr<SocketFile> owner();  // null once it is gone
  void close();  // the owner goes
  bool is_closed() const { return closed_.load(std::memory_order_acquire); }
  bool accepts(const UnixInbox& from) const;
  void set_peer(const UnixInbox* peer);
  bool has_peer(const UnixInbox& other) const { return peer_.load(std::memory_order_acquire) == other.number_; }

  // Bytes of the owner's messages that nobody has read yet.
  void take_up(std::size_t bytes) { sent_.fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(std::size_t bytes);
  std::size_t sent() const { return sent_.load(std::memory_order_acquire); }

  UnixMessageQueue messages;
  std::atomic<bool> read_ended{false}, write_ended{false};
  std::atomic<int> error{0};  // an errno that the owner is told once
  WaitQueue room{LockRank::kSocketRoom};

 private:
  static constexpr std::size_t kMostWaiting = 10;  // net.unix.max_dgram_qlen
  const std::uint64_t number_;                      // never used again
  std::atomic<std::uint64_t> peer_{0};
  std::atomic<std::size_t> sent_{0};
  std::atomic<bool> closed_{false};
  std::atomic<bool> was_full_{false};  // somebody waits for room, or has been told that there is none
  SpinLock lock_{LockRank::kReadiness};
  SocketFile* owner_ GUARDED_BY(lock_);
};

}  // namespace mokapot
