// SPDX-License-Identifier: Apache-2.0
//
// Sockets of the family AF_UNIX with connections: streams of bytes, and sequences of messages.
//
// Locks: a socket's state, and a connection's two ends, each have a spinlock (rank kReadiness); an end is
// notified under the connection's, so that it cannot go away meanwhile. Bytes: byte_ring.h.
#pragma once

#include <atomic>

#include "io/byte_ring.h"
#include "io/unix_base.h"

namespace mokapot {

class UnixSocket;

// Two ends and what is on its way between them. bytes[i] and messages[i] are written by end i. Of a stream, messages are
// what goes with some of the bytes, and change only under the mutex of their ring.
struct UnixConnection : RefCounted<UnixConnection> {
  static constexpr std::size_t kBufferSize = 65536 * 2;
  ByteRing bytes[2] = {ByteRing(kBufferSize), ByteRing(kBufferSize)};
  UnixMessageQueue messages[2];
  // Of streams: whose credentials the next byte to be written, or read, has. Under the mutex of the ring.
  Credentials writer[2], reader[2];
  std::atomic<bool> write_ended[2] = {}, read_ended[2] = {};
  std::atomic<bool> reset[2] = {};  // the other end went without reading everything
  SpinLock ends_lock{LockRank::kReadiness};
  UnixSocket* ends[2] GUARDED_BY(ends_lock) = {};
  SocketAddress last_name[2] GUARDED_BY(ends_lock);  // of an end that is gone: its peer may still ask

  void notify(unsigned end, PollEvents events) EXCLUDES(ends_lock);
};

class UnixSocket final : public UnixSocketBase {
 public:
  UnixSocket(int type, std::uint32_t flags) : UnixSocketBase(type, flags) {}
  ~UnixSocket() override;
  static Result<void> connect_pair(UnixSocket& a, UnixSocket& b);

  // kEISCONN, kEINVAL (this one listens), kECONNREFUSED, kEAGAIN (backlog full), kRestart.
  Result<void> connect_to(UnixSocketBase& target) override;
  Result<void> listen(int backlog) override;
  Result<RefPtr<SocketFile>> accept(std::uint32_t flags) override;
  Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) override;
  Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) override;
  Result<void> shut_down(Shutdown how) override;
  Result<SocketAddress> peer_address() override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  PollEvents poll() override;
  void for_each_queue(void (*visit)(UnixMessageQueue& queue, void* context), void* context) override;

  ListHook pending_hook;   // UnixSocket::pending_ of a listener

 private:
  enum class State : std::uint8_t { kUnconnected, kListening, kConnected };
  struct Attachment {
    RefPtr<UnixConnection> connection;
    unsigned end = 0;
  };
  Attachment attachment();  // connection is null unless connected
  State state();
  void attach(RefPtr<UnixConnection> connection, unsigned end);
  Result<void> try_enqueue(RefPtr<UnixSocket>& server);
  RefPtr<UnixSocket> take_pending();
  bool is_listening() override { return state() == State::kListening; }
  bool knows_peer_credentials() override { return state() != State::kUnconnected; }
  std::int32_t take_error() override;
  Result<std::size_t> send_bytes(IoBuffer& from, const OutgoingMessage& message, const Attachment& mine);
  Result<std::size_t> send_message(IoBuffer& from, const OutgoingMessage& message, const Attachment& mine);
  Result<std::size_t> receive_bytes(IoBuffer& into, IncomingMessage& message, const Attachment& mine);
  Result<std::size_t> receive_message(IoBuffer& into, IncomingMessage& message, const Attachment& mine);
  Credentials credentials_over(const Attachment& mine, const OutgoingMessage& message);
  // Outside the analysis: of a socket in a backlog, whose connection does not change any more.
  UnixConnection& early_connection() NO_THREAD_SAFETY_ANALYSIS { return *connection_; }

  State state_ GUARDED_BY(lock_) = State::kUnconnected;
  RefPtr<UnixConnection> connection_ GUARDED_BY(lock_);
  unsigned end_ GUARDED_BY(lock_) = 0;
  IntrusiveList<UnixSocket, &UnixSocket::pending_hook> pending_ GUARDED_BY(lock_);  // each with a reference
  std::size_t pending_count_ GUARDED_BY(lock_) = 0;
  std::size_t backlog_ GUARDED_BY(lock_) = 0;
  bool refuses_ GUARDED_BY(lock_) = false;  // a listener that was shut down
  WaitQueue room_;                          // of a listener: its backlog shrank
  std::atomic<bool> accepted_{false};       // somebody has the socket, not just a backlog
};

}  // namespace mokapot
