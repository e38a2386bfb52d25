// SPDX-License-Identifier: Apache-2.0
//
// Raw sockets, raw(7): whole packets of one IP protocol, as ping and Java's isReachable use them. All of them go
// through lwIP, those to the VM itself too, since it is lwIP that answers an echo.
//
// Locks: the core lock guards lwIP's control block; lock_ (rank kReadiness) the addresses. Thread context.
#pragma once

#include "net/datagram.h"
#include "net/inet_socket.h"
#include "net/stack.h"

#include "lwip/raw.h"

namespace mokapot {

class RawSocket final : public InetSocket {
 public:
  // kENOBUFS
  static Result<RefPtr<SocketFile>> create(int family, int protocol, std::uint32_t flags);
  RawSocket(int family, int protocol, std::uint32_t flags);
  ~RawSocket() override;

  Result<void> bind(const SocketAddress& address) override;
  Result<void> connect(const SocketAddress& address) override;
  Result<void> listen(int) override { return Errno::kEOPNOTSUPP; }
  Result<RefPtr<SocketFile>> accept(std::uint32_t) override { return Errno::kEOPNOTSUPP; }
  Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) override;
  Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) override;
  Result<void> shut_down(Shutdown how) override;
  Result<SocketAddress> local_address() override;
  Result<SocketAddress> peer_address() override;
  PollEvents poll() override;
  Shown shown(const PortHolder&) override { return {}; }  // has no port: never in the table

 private:
  bool accepts_level(int level) const override { return level == kLevelRaw || level == kLevelIcmp6; }
  Errno take_error() override { return {}; }
  bool has_port() override { return false; }
  Result<void> set_special_option(int level, int name, std::span<const std::uint8_t> value) override;
  static u8_t on_packet(void* self, raw_pcb* pcb, pbuf* packet, const ip_addr_t* from) NO_THREAD_SAFETY_ANALYSIS;
  bool wants(std::uint8_t type) const;

  raw_pcb* pcb_ GUARDED_BY(net_core_lock()) = nullptr;
  DatagramQueue queue_;
  std::atomic<bool> reads_ended_{false};
  std::atomic<std::uint32_t> blocked_types_[8] = {};  // ICMP_FILTER and ICMP6_FILTER: a bit each that is not wanted
  InetEndpoint local_ GUARDED_BY(lock_), remote_ GUARDED_BY(lock_);
  bool connected_ GUARDED_BY(lock_) = false;
};

}  // namespace mokapot
