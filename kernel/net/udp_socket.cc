// SPDX-License-Identifier: Apache-2.0
#include "net/udp_socket.h"

#include <algorithm>
#include <cstring>

#include "net/buffers.h"
#include "net/interfaces.h"
#include "net/listen_report.h"
#include "net/udp_stack.h"

#include "lwip/pbuf.h"

namespace mokapot {
namespace {

constexpr std::int32_t kShownBuffer = 212992;  // net.core.wmem_default and rmem_default

bool deliver_to_one(const DatagramEnvelope& envelope, pbuf* data) {
  struct Delivery {
    const DatagramEnvelope& envelope;
    pbuf* data;
  } delivery{envelope, data};
  return visit_datagram_socket(envelope.to, envelope.from, envelope.interface, [](InetSocket& socket, void* context) {
    auto& call = *static_cast<Delivery*>(context);
    static_cast<UdpSocket&>(socket).deliver(call.envelope, call.data);
  }, &delivery);
}

}  // namespace

bool deliver_datagram(const DatagramEnvelope& envelope, pbuf* data) {
  const AddressKind kind = kind_of_locked(envelope.to.address);
  const bool group = kind == AddressKind::kGroup;
  if (!group && kind != AddressKind::kBroadcast) return deliver_to_one(envelope, data);
  struct Delivery {
    const DatagramEnvelope& envelope;
    pbuf* data;
    bool group, any_member;
  } delivery{envelope, data, group, group && group_is_joined(envelope.to.address, envelope.interface)};
  visit_datagram_sockets(envelope.to, envelope.from, envelope.interface, [](InetSocket& socket, void* context) {
    auto& call = *static_cast<Delivery*>(context);
    auto& udp = static_cast<UdpSocket&>(socket);
    if (!call.group || udp.wants_group(call.envelope, call.any_member)) udp.deliver(call.envelope, call.data);
  }, &delivery);
  return true;
}

UdpSocket::UdpSocket(int family, std::uint32_t flags) : InetSocket(family, kSocketDatagram, kProtocolUdp, flags) {
  set_initial_buffers(kShownBuffer, kShownBuffer);
}

UdpSocket::~UdpSocket() {
  bool reported = false;
  {
    SpinGuard guard(lock_);
    reported = std::exchange(bound_port_, false);
  }
  disconnect();
  if (reported) report_listening(ListenEvent::kEnds, InetProtocol::kUdp, reported_, v6_only());
  delete memberships_.load();
}

// --- Addresses ------------------------------------------------------------------------------------------

Result<void> UdpSocket::claim(const InetEndpoint& local) {
  TRY(claim_port(InetProtocol::kUdp, holder_, claim_for(local)));
  if (local.address.is_loopback()) return {};
  Result<RefPtr<StackUdpPort>> stack = StackUdpPort::open(port_of(holder_).port);
  if (!stack.ok()) {
    release_port(InetProtocol::kUdp, holder_);
    return stack.error();
  }
  SpinGuard guard(lock_);
  stack_ = stack.take();
  return {};
}

Result<void> UdpSocket::bind(const SocketAddress& address) {
  const InetEndpoint local = TRY(parse_bind_address(address));
  if (has_port()) return Errno::kEINVAL;
  TRY(claim(local));
  {
    SpinGuard guard(lock_);
    bound_port_ = local.port != 0;
    bound_address_ = !local.address.is_any();
    reported_ = local;
  }
  if (local.port != 0) report_listening(ListenEvent::kBegins, InetProtocol::kUdp, local, v6_only());
  return {};
}

// Forgets the peer, and the port unless bind(2) chose it.
void UdpSocket::disconnect() {
  RefPtr<StackUdpPort> stack;
  bool keeps_port = false, keeps_address = false;
  {
    SpinGuard guard(lock_);
    remote_ = {};
    keeps_port = bound_port_;
    keeps_address = bound_address_;
    if (!keeps_port) stack = std::move(stack_);
  }
  const InetEndpoint local = port_of(holder_);
  if (local.port == 0) return;
  if (keeps_port) {
    set_port_addresses(holder_, keeps_address ? local.address : InetAddress::any(family_), {});
  } else {
    release_port(InetProtocol::kUdp, holder_);
  }
}

Result<void> UdpSocket::connect(const SocketAddress& address) {
  if (address.size < 2) return Errno::kEINVAL;
  if (address.family() == kFamilyUnspecified) {
    disconnect();
    return {};
  }
  InetEndpoint to = TRY(parse_inet_address(address, family_));
  if (to.address.is_v4() && v6_only() == V6Only::kYes) return Errno::kENETUNREACH;
  if (to.address.is_any()) to.address = InetAddress::loopback(to.address.family());
  if (kind_of(to.address) == AddressKind::kBroadcast && !options_.on(Option::kBroadcast)) return Errno::kEACCES;
  std::uint32_t card = bound_interface();
  if (card == 0 && to.address.is_multicast()) card = multicast_interface_.load(std::memory_order_relaxed);
  if (to.address.needs_scope() && to.scope == 0 && card == 0) return Errno::kEINVAL;
  const Route route = TRY(route_to(to.address, to.scope, card));
  InetEndpoint from = port_of(holder_);
  if (from.port == 0) {
    TRY(claim({InetAddress::any(family_), 0, 0}));
    from = port_of(holder_);
  } else if (!from.address.is_any() && from.address.is_v4() != to.address.is_v4()) {
    return Errno::kENETUNREACH;
  }
  bool fixed = false;
  {
    SpinGuard guard(lock_);
    remote_ = to;
    fixed = bound_address_;
  }
  set_port_addresses(holder_, fixed ? from.address : route.source, to);
  return {};
}

Result<SocketAddress> UdpSocket::local_address() {
  InetEndpoint local = port_of(holder_);
  if (local.port == 0) local.address = InetAddress::any(family_);
  return to_socket_address(local, family_);
}

Result<SocketAddress> UdpSocket::peer_address() {
  SpinGuard guard(lock_);
  if (remote_.port == 0) return Errno::kENOTCONN;
  return to_socket_address(remote_, family_);
}

// --- Receiving ------------------------------------------------------------------------------------------

bool UdpSocket::wants_group(const DatagramEnvelope& envelope, bool any_member) {
  GroupMemberships* mine = memberships_.load(std::memory_order_acquire);
  const auto verdict = mine != nullptr
                           ? mine->judge(envelope.to.address, envelope.interface, envelope.from.address)
                           : GroupMemberships::Verdict::kNotMember;
  if (verdict != GroupMemberships::Verdict::kNotMember) return verdict == GroupMemberships::Verdict::kMember;
  return any_member && options_.on(envelope.to.address.is_v4() ? Option::kMulticastAll : Option::kMulticastAll6);
}

void UdpSocket::deliver(const DatagramEnvelope& envelope, pbuf* data) {
  Datagram* datagram = Datagram::create(envelope, data, data->tot_len);
  if (datagram == nullptr || !queue_.push(datagram, receive_buffer())) return;
  notify(kPollReadable);
}

InetSocket::Shown UdpSocket::shown(const PortHolder& holder) {
  constexpr std::uint8_t kConnected = 1, kUnconnected = 7;
  const Result<FileStatus> known = status();
  Shown shown{holder.local, holder.remote, holder.remote.port != 0 ? kConnected : kUnconnected};
  shown.to_read = queue_.first_size();
  shown.inode = known.ok() ? known.value().inode : 0;
  shown.dropped = queue_.dropped();
  return shown;
}

PollEvents UdpSocket::poll() {
  PollEvents events = kPollWritable | kPollWriteBand;
  if (error_.load(std::memory_order_acquire) != 0) events |= kPollError;
  const std::uint8_t ended = ended_.load(std::memory_order_acquire);
  if ((ended & 1) != 0) events |= kPollReadable | kPollReadHangUp;
  if (ended == 3) events |= kPollHangUp;
  if (!queue_.empty()) events |= kPollReadable;
  return events;
}

Result<void> UdpSocket::shut_down(Shutdown how) {
  const bool connected = peer_address().ok();
  const auto bits = static_cast<std::uint8_t>(static_cast<unsigned>(how) + 1);
  ended_.fetch_or(bits, std::memory_order_acq_rel);
  notify();
  return connected ? Result<void>() : Errno::kENOTCONN;
}

Result<std::size_t> UdpSocket::receive(IoBuffer& into, IncomingMessage& message) {
  if (message.from != nullptr) message.from->size = 0;
  if ((message.flags & kMessageErrorQueue) != 0) return Errno::kEAGAIN;
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  const bool peeks = (message.flags & kMessagePeek) != 0;
  std::unique_ptr<Datagram> datagram;
  auto attempt = [&] {
    datagram = peeks ? queue_.copy_first() : queue_.pop();
    return datagram || error_.load() != 0 || (ended_.load() & 1) != 0;
  };
  const bool decided = attempt();
  if (!decided && !waits(message.flags)) return Errno::kEAGAIN;
  if (!decided) {
    switch (wait_until(readiness(), receive_deadline(), Interruptible::kYes, attempt)) {
      case WakeReason::kWoken: break;
      case WakeReason::kTimedOut: return Errno::kEAGAIN;
      case WakeReason::kInterrupted: return receive_interrupted();
    }
  }
  if (!datagram) {
    const Errno error = take_error();
    if (error != Errno{}) return error;
    return waits(message.flags) ? Result<std::size_t>(std::size_t{0}) : Errno::kEAGAIN;
  }
  const std::size_t wanted = std::min(into.remaining(), datagram->size);
  TRY(copy_datagram(datagram->data, wanted, into));
  if (wanted < datagram->size) message.result_flags |= kMessageTruncate;
  if (message.from != nullptr) *message.from = to_socket_address(datagram->envelope.from, family_);
  if (!message.control.empty()) tell_of(*datagram, message);
  return (message.flags & kMessageTruncate) != 0 ? datagram->size : wanted;
}

Result<std::int64_t> UdpSocket::control(std::uint32_t request, std::uint64_t argument) {
  constexpr std::uint32_t kInputSize = 0x541b, kOutputSize = 0x5411;
  if (request != kInputSize && request != kOutputSize) return InetSocket::control(request, argument);
  const std::size_t size = request == kInputSize ? queue_.first_size() : 0;
  TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(size)));
  return std::int64_t{0};
}

}  // namespace mokapot
