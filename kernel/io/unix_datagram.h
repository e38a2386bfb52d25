// SPDX-License-Identifier: Apache-2.0
//
// Datagram sockets of the family AF_UNIX. What they have received is in an inbox (unix_inbox.h), which whoever sends to
// them, or is connected to them, holds in place of the socket.
//
// Locks: who the peer is, lock_ of the base, and a mutex (rank kSocket) around its change. Thread context.
#pragma once

#include "io/unix_base.h"
#include "io/unix_inbox.h"
#include "sched/mutex.h"

namespace mokapot {

class UnixDatagramSocket final : public UnixSocketBase {
 public:
  static Result<RefPtr<UnixDatagramSocket>> create(std::uint32_t flags);
  explicit UnixDatagramSocket(std::uint32_t flags) : UnixSocketBase(kSocketDatagram, flags) {}
  ~UnixDatagramSocket() override;
  static void connect_pair(UnixDatagramSocket& a, UnixDatagramSocket& b);

  // kEPERM: it has another peer.
  Result<void> connect_to(UnixSocketBase& target) override;
  Result<void> disconnect() override;
  Result<void> listen(int) override { return Errno::kEOPNOTSUPP; }
  Result<RefPtr<SocketFile>> accept(std::uint32_t) override { return Errno::kEOPNOTSUPP; }
  Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) override;
  Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) override;
  Result<void> shut_down(Shutdown how) override;
  Result<SocketAddress> peer_address() override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  PollEvents poll() override;
  void for_each_queue(void (*visit)(UnixMessageQueue& queue, void* context), void* context) override;

 private:
  bool knows_peer_credentials() override { return paired_.load(std::memory_order_relaxed); }
  std::int32_t take_error() override { return inbox_->error.exchange(0); }
  RefPtr<UnixInbox> peer();  // null: none
  // In place of `only`, or of whomever it was. What has come from a former peer is dropped, and it is told.
  void set_peer(RefPtr<UnixInbox> peer, const SocketAddress& name, const UnixInbox* only = nullptr);
  static void on_peer_room(Waiter& waiter);

  RefPtr<UnixInbox> inbox_;  // for good
  RefPtr<UnixInbox> peer_ GUARDED_BY(lock_);
  SocketAddress peer_name_ GUARDED_BY(lock_);  // of a peer that may be gone
  Mutex peer_mutex_{LockRank::kSocket};        // held while the peer changes
  Waiter peer_waiter_{&on_peer_room, this};  // on the peer's `room`
  std::atomic<bool> paired_{false};
};

}  // namespace mokapot
