// SPDX-License-Identifier: Apache-2.0
#include "net/raw_socket.h"

#include <algorithm>
#include <cstring>

#include "net/buffers.h"
#include "net/interfaces.h"
#include "net/lwip_address.h"

#include "lwip/ip.h"
#include "lwip/raw.h"

namespace mokapot {
namespace {

constexpr std::int32_t kShownBuffer = 212992;
constexpr std::size_t kMostPayload = 65515;

}  // namespace

RawSocket::RawSocket(int family, int protocol, std::uint32_t flags)
    : InetSocket(family, kSocketRaw, protocol, flags), local_{InetAddress::any(family), 0, 0} {
  set_initial_buffers(kShownBuffer, kShownBuffer);
}

Result<RefPtr<SocketFile>> RawSocket::create(int family, int protocol, std::uint32_t flags) {
  RefPtr<RawSocket> made = TRY(make_ref<RawSocket>(family, protocol, flags));
  const NetCoreGuard core;
  const u8_t type = family == kFamilyIpv4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6;
  made->pcb_ = raw_new_ip_type(type, static_cast<u8_t>(protocol));
  if (made->pcb_ == nullptr) return Errno::kENOBUFS;
  raw_recv(made->pcb_, &on_packet, made.get());
  return RefPtr<SocketFile>(std::move(made));
}

RawSocket::~RawSocket() {
  const NetCoreGuard core;
  if (pcb_ != nullptr) raw_remove(pcb_);
}

bool RawSocket::wants(std::uint8_t type) const {
  return (blocked_types_[type / 32].load(std::memory_order_relaxed) >> type % 32 & 1) == 0;
}

// The packet stays lwIP's, which may have an answer to it; the socket has a copy. IPv4 comes with its header.
u8_t RawSocket::on_packet(void* self, raw_pcb*, pbuf* packet, const ip_addr_t* from) {
  auto& socket = *static_cast<RawSocket*>(self);
  const std::size_t header = ip_current_header_tot_len();
  const std::size_t skip = socket.family_ == kFamilyIpv4 ? 0 : header;
  const bool filtered = socket.protocol_ == kProtocolIcmp || socket.protocol_ == kProtocolIcmp6;
  if (filtered && !socket.wants(pbuf_get_at(packet, static_cast<u16_t>(header)))) return 0;
  DatagramEnvelope envelope;
  envelope.from = {from_lwip(*from), 0, scope_of(*from)};
  envelope.to = {from_lwip(*ip_current_dest_addr()), 0, 0};
  envelope.interface = netif_get_index(ip_current_input_netif());
  {
    SpinGuard guard(socket.lock_);
    if (!socket.local_.address.is_any() && !(socket.local_.address == envelope.to.address)) return 0;
    if (socket.connected_ && !(socket.remote_.address == envelope.from.address)) return 0;
  }
  const auto size = static_cast<u16_t>(packet->tot_len - skip);
  pbuf* copy = datagram_buffers(size, PBUF_RAW);
  if (copy == nullptr) return 0;
  std::size_t at = skip;
  for (pbuf* piece = copy; piece != nullptr; at += piece->len, piece = piece->next)
    pbuf_copy_partial(packet, piece->payload, piece->len, static_cast<u16_t>(at));
  Datagram* datagram = Datagram::create(envelope, copy, size);
  pbuf_free(copy);
  if (datagram != nullptr && socket.queue_.push(datagram, socket.receive_buffer())) socket.notify(kPollReadable);
  return 0;
}

Result<void> RawSocket::bind(const SocketAddress& address) {
  const InetEndpoint local = TRY(parse_bind_address(address));
  SpinGuard guard(lock_);
  local_ = {local.address, 0, local.scope};
  return {};
}

Result<void> RawSocket::connect(const SocketAddress& address) {
  if (address.size < 2) return Errno::kEINVAL;
  const bool forgets = address.family() == kFamilyUnspecified;
  const InetEndpoint to = forgets ? InetEndpoint() : TRY(parse_inet_address(address, family_));
  SpinGuard guard(lock_);
  connected_ = !forgets;
  remote_ = to;
  return {};
}

Result<SocketAddress> RawSocket::local_address() {
  SpinGuard guard(lock_);
  return to_socket_address(local_, family_);
}

Result<SocketAddress> RawSocket::peer_address() {
  SpinGuard guard(lock_);
  if (!connected_) return Errno::kENOTCONN;
  return to_socket_address(remote_, family_);
}

Result<std::size_t> RawSocket::send(IoBuffer& from, const OutgoingMessage& message) {
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  const std::size_t size = from.remaining();
  if (size > kMostPayload) return Errno::kEMSGSIZE;
  InetEndpoint to, own;
  bool connected = false;
  {
    SpinGuard guard(lock_);
    to = remote_;
    own = local_;
    connected = connected_;
  }
  if (message.to != nullptr) {
    to = TRY(parse_inet_address(*message.to, family_));
  } else if (!connected) {
    return Errno::kEDESTADDRREQ;
  }
  if (to.address.is_any()) to.address = InetAddress::loopback(to.address.family());
  if (kind_of(to.address) == AddressKind::kBroadcast && !options_.on(Option::kBroadcast)) return Errno::kEACCES;
  const Route route = TRY(route_to(to.address, to.scope, bound_interface()));
  if (own.address.is_any()) own.address = route.source;
  pbuf* packet = TRY(datagram_from(from, size, PBUF_IP));
  err_t error = ERR_OK;
  {
    const NetCoreGuard core;
    pcb_->ttl = static_cast<u8_t>(options_.get(family_ == kFamilyIpv4 ? Option::kTimeToLive : Option::kUnicastHops));
    pcb_->tos = static_cast<u8_t>(options_.get(family_ == kFamilyIpv4 ? Option::kTypeOfService : Option::kTrafficClass));
    const ip_addr_t target = to_lwip(to.address, to.scope), source = to_lwip(own.address, own.scope);
    netif* interface = netif_get_by_index(static_cast<u8_t>(route.interface));
    error = ERR_RTE;
    if (interface != nullptr) error = raw_sendto_if_src(pcb_, packet, &target, interface, &source);
  }
  pbuf_free(packet);
  if (error != ERR_OK) return errno_of(error);
  return size;
}

Result<std::size_t> RawSocket::receive(IoBuffer& into, IncomingMessage& message) {
  if (message.from != nullptr) message.from->size = 0;
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  if ((message.flags & kMessageErrorQueue) != 0) return Errno::kEAGAIN;
  std::unique_ptr<Datagram> packet;
  auto attempt = [&] {
    packet = (message.flags & kMessagePeek) != 0 ? queue_.copy_first() : queue_.pop();
    return packet || reads_ended_.load();
  };
  if (!attempt()) {
    if (!waits(message.flags)) return Errno::kEAGAIN;
    switch (wait_until(readiness(), receive_deadline(), Interruptible::kYes, attempt)) {
      case WakeReason::kWoken: break;
      case WakeReason::kTimedOut: return Errno::kEAGAIN;
      case WakeReason::kInterrupted: return receive_interrupted();
    }
  }
  if (!packet) return std::size_t{0};
  const std::size_t wanted = std::min(packet->size, into.remaining());
  TRY(copy_datagram(packet->data, wanted, into));
  if (wanted < packet->size) message.result_flags |= kMessageTruncate;
  if (message.from != nullptr) *message.from = to_socket_address(packet->envelope.from, family_);
  return (message.flags & kMessageTruncate) != 0 ? packet->size : wanted;
}

Result<void> RawSocket::shut_down(Shutdown how) {
  if (!peer_address().ok()) return Errno::kENOTCONN;
  if (how != Shutdown::kWrite) reads_ended_.store(true);
  notify();
  return {};
}

PollEvents RawSocket::poll() {
  const bool ended = reads_ended_.load();
  return kPollWritable | kPollWriteBand | (ended || !queue_.empty() ? kPollReadable : 0) | (ended ? kPollReadHangUp : 0);
}

Result<void> RawSocket::set_special_option(int level, int name, std::span<const std::uint8_t> value) {
  constexpr int kFilter = 1, kChecksumOffset = 7;
  if (name == kFilter && (level == kLevelRaw || level == kLevelIcmp6)) {
    std::uint32_t words[8] = {};
    std::memcpy(words, value.data(), std::min(value.size(), sizeof(words)));
    for (std::size_t i = 0; i < 8; ++i) blocked_types_[i].store(words[i], std::memory_order_relaxed);
    return {};
  }
  // ICMPv6 has its checksum at one place, which lwIP fills in.
  if ((level == kLevelRaw || level == kLevelIpv6) && name == kChecksumOffset) {
    return protocol_ == kProtocolIcmp6 ? Result<void>() : Errno::kENOPROTOOPT;
  }
  return Errno::kENOPROTOOPT;
}

}  // namespace mokapot
