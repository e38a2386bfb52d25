// SPDX-License-Identifier: Apache-2.0
//
// Messages of AF_UNIX sockets on their way: whole ones of datagram and sequenced sockets, and of streams what goes with a
// run of bytes (files, another sender's credentials).
//
// Locks: a queue has a spinlock (rank kMessageQueue). Messages are given up outside it, since the files in them may be
// the last of their kind. Thread context.
#pragma once

#include <memory>

#include "io/passed_files.h"
#include "io/socket.h"
#include "sync/spinlock.h"

namespace mokapot {

class UnixInbox;

struct UnixMessage : RefCounted<UnixMessage> {
  UnixMessage();
  ~UnixMessage();
  // A message with all bytes of `from`: kEFAULT, kENOBUFS.
  static Result<RefPtr<UnixMessage>> create(IoBuffer& from, const OutgoingMessage& message);

  // What it counts for in a send buffer: Linux's bookkeeping of a small packet is as large.
  static constexpr std::size_t kOverhead = 768;
  std::size_t charge() const { return size + kOverhead; }

  // Fills in what a reader is told. Returns what recv returns.
  Result<std::size_t> deliver(IoBuffer& into, IncomingMessage& message) const;

  std::unique_ptr<std::byte[]> bytes;
  std::size_t size = 0;
  SocketAddress from;            // size 0: the sender has no name
  Credentials credentials;       // none unless somebody asked for them
  RefPtr<PassedFiles> files;
  RefPtr<UnixInbox> sender;      // of datagrams: whose send buffer the message counts in
  std::uint64_t begin = 0, end = 0;  // of a stream: positions of its first byte, and behind the last
  bool in_flight = false;        // its files are counted (in_flight.h), by whoever owns the message
  ListHook queue_hook;           // UnixMessageQueue::messages_, or the list of those given up
};
using UnixMessageList = IntrusiveList<UnixMessage, &UnixMessage::queue_hook>;  // each with a reference

class UnixMessageQueue {
 public:
  UnixMessageQueue() = default;
  ~UnixMessageQueue() { close(); }
  UnixMessageQueue(const UnixMessageQueue&) = delete;
  UnixMessageQueue& operator=(const UnixMessageQueue&) = delete;

  static constexpr std::size_t kNoLimit = ~std::size_t{0};
  // Takes the message; kEAGAIN with more than `most` waiting, kECONNREFUSED when closed.
  Result<void> push(RefPtr<UnixMessage> message, std::size_t most = kNoLimit);
  RefPtr<UnixMessage> first();
  // Takes it off the queue; its files are no longer in flight. Null: none.
  RefPtr<UnixMessage> take();
  // Takes it off if it is the first.
  bool take(UnixMessage& message);
  // Gives up what is in it.
  void clear();
  // And takes no more.
  void close();
  // Calls visit under the queue's lock.
  template <typename Visit>
  void for_each(Visit visit) {
    SpinGuard guard(lock_);
    for (UnixMessage& message : messages_) {
      if (!visit(message)) return;
    }
  }
  void move_all_to(UnixMessageList& list);

  std::size_t count() const { return count_.load(std::memory_order_acquire); }
  std::size_t bytes() const { return bytes_.load(std::memory_order_acquire); }
  std::size_t charge() const { return bytes() + count() * UnixMessage::kOverhead; }

 private:
  void remove_locked(UnixMessage& message) REQUIRES(lock_);

  SpinLock lock_{LockRank::kMessageQueue};
  UnixMessageList messages_ GUARDED_BY(lock_);
  bool closed_ GUARDED_BY(lock_) = false;
  // Written under the lock.
  std::atomic<std::size_t> count_{0}, bytes_{0};
};

void initialise_unix_messages();  // boot
// Gives up messages. Their files may be sockets with messages of their own, to any depth: all of it is worked off in a
// loop of one thread, so that the stack does not grow with it.
void discard_messages(UnixMessageList& messages);

}  // namespace mokapot
