// SPDX-License-Identifier: Apache-2.0
//
// Stream sockets of the family AF_UNIX, unix(7). Names in file systems are the caller's to make and to look
// up (layers above); names that begin with a NUL are kept here.
//
// Locks: a socket's state, and a connection's two ends, each have a spinlock (rank kReadiness); an end is
// notified under the connection's, so that it cannot go away meanwhile. Bytes: byte_ring.h. Descriptors are not
// passed along.
#pragma once

#include <atomic>

#include "io/byte_ring.h"
#include "io/socket.h"
#include "sync/spinlock.h"

namespace mokapot {

class UnixSocket;

// What a file system's node keeps of the socket that was bound to it: a way to it as long as it lives.
class UnixSocketName : public RefCounted<UnixSocketName> {
 public:
  explicit UnixSocketName(UnixSocket* socket) : socket_(socket) {}
  RefPtr<UnixSocket> socket();  // null once it is gone
  void forget();

 private:
  SpinLock lock_{LockRank::kReadiness};
  UnixSocket* socket_ GUARDED_BY(lock_);
};

// Two ends and what is on its way between them. bytes[i] is written by end i.
struct UnixConnection : RefCounted<UnixConnection> {
  static constexpr std::size_t kBufferSize = 65536 * 2;
  ByteRing bytes[2] = {ByteRing(kBufferSize), ByteRing(kBufferSize)};
  std::atomic<bool> write_ended[2] = {}, read_ended[2] = {};
  std::atomic<bool> reset[2] = {};  // the other end went without reading everything
  SpinLock ends_lock{LockRank::kReadiness};
  UnixSocket* ends[2] GUARDED_BY(ends_lock) = {};
  SocketAddress last_name[2] GUARDED_BY(ends_lock);  // of an end that is gone: its peer may still ask

  void notify(unsigned end, PollEvents events) EXCLUDES(ends_lock);
};

class UnixSocket final : public SocketFile {
 public:
  explicit UnixSocket(std::uint32_t flags) : SocketFile(flags) {}
  ~UnixSocket() override;
  static Result<void> connect_pair(UnixSocket& a, UnixSocket& b);

  // Gives the socket its name; kEINVAL if it has one.
  Result<void> set_name(const SocketAddress& name);
  bool has_name();
  // For the node of a name in a file system; kENOMEM.
  Result<RefPtr<UnixSocketName>> name_for_node();
  // Names of the abstract space: kEADDRINUSE; nullptr if nobody has the name.
  Result<void> bind_abstract(const SocketAddress& name);
  static RefPtr<UnixSocket> find_abstract(const SocketAddress& name);
  // kEISCONN, kEINVAL (this one listens), kECONNREFUSED, kEAGAIN (backlog full), kRestart.
  Result<void> connect_to(UnixSocket& listener);

  int family() const override { return kFamilyUnix; }
  Result<void> listen(int backlog) override;
  Result<RefPtr<SocketFile>> accept(std::uint32_t flags) override;
  Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) override;
  Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) override;
  Result<void> shut_down(Shutdown how) override;
  Result<SocketAddress> local_address() override;
  Result<SocketAddress> peer_address() override;
  Result<void> set_option(int level, int name, std::span<const std::uint8_t> value) override;
  Result<std::size_t> option(int level, int name, std::span<std::uint8_t> value) override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  PollEvents poll() override;

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
  static UnixSocket* find_abstract_locked(const SocketAddress& name);
  void forget_abstract_name();
  RefPtr<UnixSocket> take_pending();
  Instant time_limit(std::atomic<std::int64_t>& nanoseconds);

  SpinLock lock_{LockRank::kReadiness};
  State state_ GUARDED_BY(lock_) = State::kUnconnected;
  SocketAddress name_ GUARDED_BY(lock_);
  RefPtr<UnixConnection> connection_ GUARDED_BY(lock_);
  unsigned end_ GUARDED_BY(lock_) = 0;
  IntrusiveList<UnixSocket, &UnixSocket::pending_hook> pending_ GUARDED_BY(lock_);  // each with a reference
  std::size_t pending_count_ GUARDED_BY(lock_) = 0;
  std::size_t backlog_ GUARDED_BY(lock_) = 0;
  bool refuses_ GUARDED_BY(lock_) = false;  // a listener that was shut down
  RefPtr<UnixSocketName> node_name_ GUARDED_BY(lock_);
  // Membership of the list of abstract names, guarded by that list's lock.
  bool is_abstract_ = false;
  SocketAddress abstract_name_;
  UnixSocket* next_abstract_ = nullptr;
  WaitQueue room_;                          // of a listener: its backlog shrank
  // Options that are only remembered, and time limits in nanoseconds (0: none).
  std::atomic<bool> reuse_address_{false}, keep_alive_{false}, pass_credentials_{false}, reuse_port_{false};
  std::atomic<std::int64_t> receive_limit_{0}, send_limit_{0};
};

}  // namespace mokapot
