// SPDX-License-Identifier: Apache-2.0
//
// UDP sockets, udp(7). Datagrams between sockets of the VM are handed over directly; to and from the network they go
// through lwIP (udp_stack.h).
//
// Locks: lock_ (rank kReadiness) guards the addresses; the queue has its own. Thread context; deliver() is called
// under the port table's lock.
#pragma once

#include "net/datagram.h"
#include "net/inet_socket.h"
#include "net/interfaces.h"
#include "net/multicast.h"

namespace mokapot {

class StackUdpPort;

// What a message's options and control messages ask for.
struct DatagramSettings {
  std::uint8_t time_to_live = 64, type_of_service = 0;
  std::uint32_t interface = 0;
  bool multicast_loop = true;
  std::uint16_t segment = 0;  // bytes a datagram, where one call sends several
};

class UdpSocket final : public InetSocket {
 public:
  UdpSocket(int family, std::uint32_t flags);
  ~UdpSocket() override;

  Result<void> bind(const SocketAddress& address) override;
  Result<void> connect(const SocketAddress& address) override;
  Result<void> listen(int) override { return Errno::kEOPNOTSUPP; }
  Result<RefPtr<SocketFile>> accept(std::uint32_t) override { return Errno::kEOPNOTSUPP; }
  Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) override;
  Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) override;
  Result<void> shut_down(Shutdown how) override;
  Result<SocketAddress> local_address() override;
  Result<SocketAddress> peer_address() override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  PollEvents poll() override;
  Shown shown(const PortHolder& holder) override;

  // Takes a share of a datagram that is for this socket.
  void deliver(const DatagramEnvelope& envelope, pbuf* data);
  // Whether it wants what came for a group; any_member: some socket has joined it there.
  bool wants_group(const DatagramEnvelope& envelope, bool any_member);

 private:
  bool accepts_level(int level) const override { return level == kLevelUdp; }
  Errno take_error() override { return static_cast<Errno>(error_.exchange(0)); }
  bool has_port() override { return port_of(holder_).port != 0; }
  Result<void> set_special_option(int level, int name, std::span<const std::uint8_t> value) override;
  Result<std::size_t> special_option(int level, int name, std::span<std::uint8_t> value) override;

  Result<void> claim(const InetEndpoint& local);
  void disconnect();
  Result<InetEndpoint> destination(const OutgoingMessage& message);
  Result<void> apply_control(const OutgoingMessage& message, DatagramSettings& settings, InetAddress& source);
  Result<void> send_one(IoBuffer& from, std::size_t size, const InetEndpoint& own, const InetEndpoint& to,
                        AddressKind kind, const DatagramSettings& settings);
  Result<void> transmit(const InetEndpoint& from, const InetEndpoint& to, AddressKind kind,
                        const DatagramSettings& settings, pbuf* data);
  void tell_of(const Datagram& datagram, IncomingMessage& message);
  Result<GroupMemberships*> memberships();

  DatagramQueue queue_;
  std::atomic<std::int32_t> error_{0};
  std::atomic<std::uint8_t> ended_{0};  // bit 0: reading, bit 1: writing
  std::atomic<std::uint32_t> multicast_interface_{0};
  std::atomic<GroupMemberships*> memberships_{nullptr};  // owned; made once
  InetEndpoint remote_ GUARDED_BY(lock_);
  InetAddress multicast_source_ GUARDED_BY(lock_);       // IP_MULTICAST_IF by address
  bool bound_port_ GUARDED_BY(lock_) = false, bound_address_ GUARDED_BY(lock_) = false;
  InetEndpoint reported_;                                // to the launcher; const after bind
  RefPtr<StackUdpPort> stack_ GUARDED_BY(lock_);
};

// Hands a datagram to the VM's sockets that it is for. False: there is none, or it is for a group or for all.
bool deliver_datagram(const DatagramEnvelope& envelope, pbuf* data) REQUIRES(net_core_lock());

}  // namespace mokapot
