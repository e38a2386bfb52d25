// SPDX-License-Identifier: Apache-2.0
#include "net/inet_socket.h"

#include "net/inet_boot.h"
#include "net/interfaces.h"
#include "net/raw_socket.h"
#include "net/stack.h"
#include "net/tcp_socket.h"
#include "net/tcp_stack.h"
#include "net/udp_socket.h"
#include "net/udp_stack.h"

namespace mokapot {

void initialise_inet_sockets() {
  initialise_port_table();
  const NetCoreGuard core;
  StackTcpEndpoint::initialise();
  StackListener::initialise();
  StackUdpPort::initialise();
}

Result<InetEndpoint> InetSocket::parse_bind_address(const SocketAddress& address) const {
  InetEndpoint local;
  const bool unspecified = family_ == kFamilyIpv4 && address.size >= kSockaddrIpv4Size &&
                           address.family() == kFamilyUnspecified;
  if (unspecified) {
    // Linux takes a wildcard without a family.
    SocketAddress as_ipv4 = address;
    as_ipv4.bytes[0] = kFamilyIpv4;
    local = TRY(parse_inet_address(as_ipv4, family_));
    if (!local.address.is_any()) return Errno::kEAFNOSUPPORT;
    return local;
  }
  local = TRY(parse_inet_address(address, family_));
  if (local.address.is_any()) return local;
  if (family_ == kFamilyIpv6 && local.address.is_v4() && v6_only() == V6Only::kYes) return Errno::kEINVAL;
  if (local.address.is_multicast() && !local.address.is_v4() && type_ == kSocketStream) return Errno::kEINVAL;
  const AddressKind kind = kind_of(local.address);
  if (kind == AddressKind::kGroup || kind == AddressKind::kBroadcast) return local;
  if (local.address.is_link_local() && local.scope == 0 && bound_interface() == 0) return Errno::kEINVAL;
  const bool foreign_is_fine = options_.on(Option::kFreeBind) || options_.on(Option::kTransparent);
  if (!foreign_is_fine && kind != AddressKind::kLocal) return Errno::kEADDRNOTAVAIL;
  return local;
}

Result<RefPtr<SocketFile>> make_inet_socket(int family, int type, int protocol, std::uint32_t flags) {
  constexpr int kProtocols = 263;
  if (protocol < 0 || protocol >= kProtocols) return Errno::kEINVAL;
  switch (type) {
    case kSocketStream:
      if (protocol != 0 && protocol != kProtocolTcp) return Errno::kEPROTONOSUPPORT;
      return RefPtr<SocketFile>(TRY(make_ref<TcpSocket>(family, flags)));
    case kSocketDatagram:
      // Echoes without a raw socket are for users whom net.ipv4.ping_group_range names: nobody.
      if (protocol == (family == kFamilyIpv4 ? kProtocolIcmp : kProtocolIcmp6)) return Errno::kEACCES;
      if (protocol != 0 && protocol != kProtocolUdp) return Errno::kEPROTONOSUPPORT;
      return RefPtr<SocketFile>(TRY(make_ref<UdpSocket>(family, flags)));
    case kSocketRaw:
      if (protocol == 0) return Errno::kEPROTONOSUPPORT;
      return RawSocket::create(family, protocol, flags);
    default: return Errno::kESOCKTNOSUPPORT;
  }
}

}  // namespace mokapot
