// SPDX-License-Identifier: Apache-2.0
//
// Sockets: making, naming and connecting them, and their options. Families: AF_INET, AF_INET6, AF_UNIX,
// AF_NETLINK; the others answer EAFNOSUPPORT, as a kernel without them does. Messages: sys_message.cc.
#include <algorithm>

#include "fs/socket_node.h"
#include "io/unix_base.h"
#include "net/inet_socket.h"
#include "net/netlink_socket.h"
#include "linux/file_arguments.h"
#include "linux/socket_arguments.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kTypeMask = 0xf;
constexpr std::size_t kMostOption = 320;  // struct group_source_req is the longest

CloseOnExec close_on_exec_of(std::uint32_t type) {
  return (type & kOpenCloseOnExec) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
}

Result<RefPtr<UnixSocketBase>> make_unix_socket(std::uint32_t type, int protocol) {
  if (protocol != 0 && protocol != kFamilyUnix) return Errno::kEPROTONOSUPPORT;
  switch (const int kind = static_cast<int>(type & kTypeMask)) {
    case kSocketStream:
    case kSocketDatagram:
    case kSocketSequenced: return UnixSocketBase::create(kind, type & kOpenNonBlock);
    case kSocketRaw: return UnixSocketBase::create(kSocketDatagram, type & kOpenNonBlock);  // as Linux has it
    default: return Errno::kESOCKTNOSUPPORT;
  }
}

// Linux's order: unknown flags, then the family, then the type, then the protocol.
Result<void> check_socket(int family, std::uint32_t type) {
  constexpr std::uint32_t kMostTypes = 11;
  constexpr int kMostFamilies = 46;
  if ((type & ~(kTypeMask | kOpenCloseOnExec | kOpenNonBlock)) != 0) return Errno::kEINVAL;
  if (family < 0 || family >= kMostFamilies) return Errno::kEAFNOSUPPORT;
  if ((type & kTypeMask) >= kMostTypes) return Errno::kEINVAL;
  return {};
}

Result<RefPtr<SocketFile>> make_socket(int family, std::uint32_t type, int protocol) {
  TRY(check_socket(family, type));
  const std::uint32_t flags = type & kOpenNonBlock;
  switch (family) {
    case kFamilyUnix: return RefPtr<SocketFile>(TRY(make_unix_socket(type, protocol)));
    case kFamilyIpv4:
    case kFamilyIpv6: return make_inet_socket(family, static_cast<int>(type & kTypeMask), protocol, flags);
    case kFamilyNetlink: return make_netlink_socket(static_cast<int>(type & kTypeMask), protocol, flags);
    default: return Errno::kEAFNOSUPPORT;
  }
}

// The path of a file-system name: up to its NUL, or all of it.
std::string_view path_of_name(const SocketAddress& address) {
  const char* path = reinterpret_cast<const char*>(address.bytes + 2);  // SAFETY: bytes as characters
  const std::string_view whole(path, address.size - 2);
  return whole.substr(0, whole.find('\0'));
}

Result<RefPtr<UnixSocketBase>> find_unix_socket(const SocketAddress& address, int type) {
  if (address.bytes[2] == 0) {
    RefPtr<UnixSocketBase> found = UnixSocketBase::find_abstract(address, type);
    if (!found) return Errno::kECONNREFUSED;
    return found;
  }
  return find_socket_at(path_of_name(address), type);
}

Result<void> bind_unix(UnixSocketBase& socket, SocketAddress address) {
  if (address.size == 2) return socket.bind_anywhere();
  if (address.bytes[2] == 0) return socket.bind_abstract(address);
  const std::string_view path = path_of_name(address);
  // Linux makes the node first, and only then finds that the socket has a name.
  if (socket.has_name()) return vfs_resolve(nullptr, path).ok() ? Errno::kEADDRINUSE : Errno::kEINVAL;
  TRY(make_socket_node(socket, path));
  address.size = 2 + path.size() + 1;  // names are shown with their NUL
  return socket.set_name(address);
}

Result<SocketAddress> unix_address(VirtAddr from, std::size_t size) {
  SocketAddress address = TRY(read_socket_address(from, size));
  if (address.size < 2 || address.size > kUnixAddressSize || address.family() != kFamilyUnix) return Errno::kEINVAL;
  return address;
}

SyscallResult accept_call(std::int32_t descriptor, VirtAddr address, VirtAddr size, std::uint64_t flags) {
  if ((flags & ~std::uint64_t{kOpenCloseOnExec | kOpenNonBlock}) != 0) return Errno::kEINVAL;
  const SocketArgument socket = TRY(socket_argument(descriptor));
  DescriptorReservation reservation = TRY(DescriptorReservation::create());
  RefPtr<SocketFile> accepted = TRY(socket->accept(static_cast<std::uint32_t>(flags & kOpenNonBlock)));
  if (!address.is_null()) {
    Result<SocketAddress> peer = accepted->peer_address();
    if (!peer.ok()) return Errno::kECONNABORTED;
    TRY(write_socket_address(peer.value(), address, size));
  }
  return reservation.install(std::move(accepted), close_on_exec_of(static_cast<std::uint32_t>(flags)));
}

}  // namespace

Result<RefPtr<SocketFile>> find_named_socket(SocketFile& socket, const SocketAddress& address) {
  if (address.size < 2 || address.size > kUnixAddressSize || address.family() != kFamilyUnix) return Errno::kEINVAL;
  if (address.size == 2) return Errno::kEINVAL;
  return RefPtr<SocketFile>(TRY(find_unix_socket(address, static_cast<UnixSocketBase&>(socket).type())));
}

SyscallResult sys_socket(int family, unsigned type, int protocol) {
  RefPtr<SocketFile> socket = TRY(make_socket(family, type, protocol));
  return TRY(install_descriptor(std::move(socket), close_on_exec_of(type)));
}

SyscallResult sys_socketpair(int family, unsigned type, int protocol, VirtAddr to) {
  TRY(check_socket(family, type));
  if (family != kFamilyUnix) {
    [[maybe_unused]] const RefPtr<SocketFile> unpaired = TRY(make_socket(family, type, protocol));
    return Errno::kEOPNOTSUPP;  // other families make no pairs
  }
  RefPtr<UnixSocketBase> first = TRY(make_unix_socket(type, protocol));
  RefPtr<UnixSocketBase> second = TRY(make_unix_socket(type, protocol));
  TRY(UnixSocketBase::connect_pair(*first, *second));
  DescriptorReservation first_number = TRY(DescriptorReservation::create());
  DescriptorReservation second_number = TRY(DescriptorReservation::create());
  const std::int32_t numbers[2] = {first_number.number(), second_number.number()};
  TRY(copy_to_application(to, numbers, sizeof(numbers)));
  first_number.install(std::move(first), close_on_exec_of(type));
  second_number.install(std::move(second), close_on_exec_of(type));
  return 0;
}

SyscallResult sys_bind(Descriptor descriptor, VirtAddr address, unsigned size) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  if (socket->family() == kFamilyUnix) {
    TRY(bind_unix(static_cast<UnixSocketBase&>(*socket), TRY(unix_address(address, size))));
  } else {
    TRY(socket->bind(TRY(read_socket_address(address, size))));
  }
  return 0;
}

SyscallResult sys_connect(Descriptor descriptor, VirtAddr address, unsigned size) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  if (socket->family() != kFamilyUnix) {
    TRY(socket->connect(TRY(read_socket_address(address, size))));
    return 0;
  }
  auto& from = static_cast<UnixSocketBase&>(*socket);
  const SocketAddress given = TRY(read_socket_address(address, size));
  if (given.size >= 2 && given.family() == kFamilyUnspecified) {
    TRY(from.disconnect());
    return 0;
  }
  const SocketAddress name = TRY(unix_address(address, size));
  if (name.size <= 2) return Errno::kEINVAL;
  RefPtr<UnixSocketBase> target = TRY(find_unix_socket(name, from.type()));
  TRY(from.connect_to(*target));
  return 0;
}

SyscallResult sys_listen(Descriptor descriptor, int backlog) {
  TRY(TRY(socket_argument(descriptor))->listen(backlog));
  return 0;
}

SyscallResult sys_accept(Descriptor descriptor, VirtAddr address, VirtAddr size) {
  return accept_call(descriptor, address, size, 0);
}

SyscallResult sys_accept4(Descriptor descriptor, VirtAddr address, VirtAddr size, Flags flags) {
  return accept_call(descriptor, address, size, flags);
}

SyscallResult sys_shutdown(Descriptor descriptor, int how) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  if (how < 0 || how > static_cast<int>(Shutdown::kBoth)) return Errno::kEINVAL;
  TRY(socket->shut_down(static_cast<Shutdown>(how)));
  return 0;
}

SyscallResult sys_getsockname(Descriptor descriptor, VirtAddr address, VirtAddr size) {
  TRY(write_socket_address(TRY(TRY(socket_argument(descriptor))->local_address()), address, size));
  return 0;
}

SyscallResult sys_getpeername(Descriptor descriptor, VirtAddr address, VirtAddr size) {
  TRY(write_socket_address(TRY(TRY(socket_argument(descriptor))->peer_address()), address, size));
  return 0;
}

SyscallResult sys_setsockopt(Descriptor descriptor, int level, int name, VirtAddr from, int size) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  if (size < 0) return Errno::kEINVAL;
  std::uint8_t value[kMostOption];
  const std::size_t used = std::min(static_cast<std::size_t>(size), kMostOption);
  TRY(copy_from_application(value, from, used));
  TRY(socket->set_option(level, name, {value, used}));
  return 0;
}

SyscallResult sys_getsockopt(Descriptor descriptor, int level, int name, VirtAddr to, VirtAddr size_address) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  const auto size = TRY(read_application<std::int32_t>(size_address));
  if (size < 0) return Errno::kEINVAL;
  std::uint8_t value[kMostOption];
  const std::size_t used =
      TRY(socket->option(level, name, {value, std::min(static_cast<std::size_t>(size), kMostOption)}));
  TRY(copy_to_application(to, value, used));
  TRY(write_application(size_address, static_cast<std::int32_t>(used)));
  return 0;
}

}  // namespace mokapot
