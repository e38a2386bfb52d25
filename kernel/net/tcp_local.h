// SPDX-License-Identifier: Apache-2.0
//
// TCP between two sockets of the VM, without packets: what one end sends is in the other's queue when the call
// returns. There is nothing to lose, to reorder or to acknowledge, so of TCP's states only those remain that an
// application can tell apart.
//
// Locks: each end's (tcp_endpoint.h); never both at once.
#pragma once

#include "net/tcp_endpoint.h"

namespace mokapot {

class LocalTcpEndpoint final : public TcpEndpoint {
 public:
  using TcpEndpoint::TcpEndpoint;

  // Two ends of a connection that is being made: SYN_SENT and SYN_RECV. kENOMEM.
  struct Pair {
    RefPtr<LocalTcpEndpoint> client, server;
  };
  static Result<Pair> create(const InetEndpoint& client, const InetEndpoint& server);
  // The listener has taken the server's end in: both are established. False: the client has given up.
  bool complete() override;

  std::size_t room() override;
  bool is_writable() override;
  void want_room() override;
  Result<pbuf*> transmit(pbuf* data, More more) override;
  void transmit_urgent(std::uint8_t byte) override;
  void end_sending() override;
  void apply(const TcpSettings& settings) override;
  TcpFigures figures() override;
  std::size_t unsent() override { return 0; }
  void close(Close how) override;

 private:
  void consumed(std::size_t bytes) override;
  RefPtr<LocalTcpEndpoint> peer();
  std::size_t capacity(const LocalTcpEndpoint& peer) const;  // what the peer may hold unread

  RefPtr<LocalTcpEndpoint> peer_ GUARDED_BY(lock_);  // null once this end is closed
  std::atomic<bool> peer_wants_room_{false};         // the peer waits for this end to read
  std::atomic<std::size_t> send_limit_{0}, receive_limit_{0};
};

}  // namespace mokapot
