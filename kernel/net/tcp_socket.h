// SPDX-License-Identifier: Apache-2.0
//
// TCP sockets, tcp(7): the calls of an application on one end of a connection (tcp_endpoint.h), and listeners.
//
// Locks: lock_ (rank kReadiness) guards which end the socket has and a listener's queues; send_mutex_ and
// receive_mutex_ (rank kSocket) keep the pieces of one call together while application memory is copied. No lock is
// held while a call waits. Thread context.
#pragma once

#include <memory>

#include "net/inet_socket.h"
#include "net/tcp_endpoint.h"
#include "sched/mutex.h"

namespace mokapot {

class LocalTcpEndpoint;
class StackListener;

class TcpSocket final : public InetSocket {
 public:
  TcpSocket(int family, std::uint32_t flags);
  ~TcpSocket() override;

  Result<void> bind(const SocketAddress& address) override;
  Result<void> connect(const SocketAddress& address) override;
  Result<void> listen(int backlog) override;
  Result<RefPtr<SocketFile>> accept(std::uint32_t flags) override;
  Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) override;
  Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) override;
  Result<std::size_t> send_pages(PageSource& source, std::uint64_t offset, std::size_t size) override;
  Result<void> shut_down(Shutdown how) override;
  Result<SocketAddress> local_address() override;
  Result<SocketAddress> peer_address() override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  PollEvents poll() override;
  Shown shown(const PortHolder& holder) override;

  // A connection that was made to this listener. Called under the port table's lock, so the socket is alive. False:
  // the backlog is full.
  enum class Backlog : std::uint8_t { kBounded, kMayWait };
  bool enqueue(RefPtr<TcpEndpoint>& connection, Backlog backlog);
  bool has_backlog();  // as enqueue
  TcpSettings settings() const;

 private:
  // What connect(2) has done so far (Linux's socket state).
  enum class Phase : std::uint8_t { kUnconnected, kConnecting, kConnected };
  using EndpointQueue = IntrusiveList<TcpEndpoint, &TcpEndpoint::queue_hook>;
  struct Listener {
    EndpointQueue accepted;  // each with a reference
    EndpointQueue waiting;   // local connections beyond the backlog, in the order of their calls
    std::size_t accepted_count = 0;
    std::size_t backlog = 0;
    RefPtr<StackListener> stack;  // null for addresses that no packet from outside reaches
    bool reported = false;        // to the launcher
  };

  RefPtr<TcpEndpoint> endpoint();
  bool is_listening() const override { return listening_.load(std::memory_order_acquire); }
  Errno take_error() override;
  bool has_port() override { return port_of(holder_).port != 0; }
  bool accepts_level(int level) const override { return level == kLevelTcp; }
  void option_changed(Option option) override;
  void buffers_changed() override;
  Result<void> set_special_option(int level, int name, std::span<const std::uint8_t> value) override;
  Result<std::size_t> special_option(int level, int name, std::span<std::uint8_t> value) override;
  Result<std::size_t> give_information(std::span<std::uint8_t> value);

  // tcp_connect.cc
  Result<void> claim(const InetEndpoint& local);
  Result<void> begin_connect(const InetEndpoint& to);
  Result<void> connect_locally(const InetEndpoint& from, const InetEndpoint& to);
  Result<void> finish_connect(Errno pending);
  Result<void> disconnect();
  void adopt(RefPtr<TcpEndpoint> connection, Phase phase);
  void forget_connection();
  bool take_pending(RefPtr<TcpEndpoint>& taken);
  void stop_listening();

  // tcp_transfer.cc
  Result<RefPtr<TcpEndpoint>> connected_endpoint(std::uint32_t message_flags, Instant deadline);
  Result<std::size_t> send_urgent(IoBuffer& from, std::uint32_t message_flags);
  Result<std::size_t> receive_urgent(IoBuffer& into, std::uint32_t message_flags);
  Result<std::size_t> move_out(TcpEndpoint& to, IoBuffer& from, TcpEndpoint::More more);
  Result<void> wait_for_room(TcpEndpoint& to, std::uint32_t message_flags, Instant deadline);
  Errno send_error(TcpEndpoint& to);

  std::atomic<bool> listening_{false};
  bool bound_port_ GUARDED_BY(lock_) = false;     // by bind(2): outlives a connection
  bool bound_address_ GUARDED_BY(lock_) = false;
  Phase phase_ GUARDED_BY(lock_) = Phase::kUnconnected;
  RefPtr<TcpEndpoint> endpoint_ GUARDED_BY(lock_);
  std::unique_ptr<Listener> listener_ GUARDED_BY(lock_);
  std::atomic<std::int32_t> segment_limit_{0};    // TCP_MAXSEG as set
  std::atomic<std::uint32_t> window_clamp_{0};    // TCP_WINDOW_CLAMP as set
  Mutex send_mutex_{LockRank::kSocket}, receive_mutex_{LockRank::kSocket};
};

}  // namespace mokapot
