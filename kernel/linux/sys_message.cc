// SPDX-License-Identifier: Apache-2.0
//
// Sending and receiving through sockets: sendto, recvfrom, sendmsg, recvmsg and their many-message forms.
#include <algorithm>
#include <memory>

#include "io/unix_base.h"
#include "linux/file_arguments.h"
#include "linux/socket_arguments.h"
#include "linux/socket_control.h"
#include "linux/time_types.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

// struct msghdr and struct mmsghdr.
struct MessageHeader {
  std::uint64_t name;
  std::uint32_t name_size, padding;
  std::uint64_t vector, vector_count;
  std::uint64_t control, control_size;
  std::uint32_t flags, padding2;
};
static_assert(sizeof(MessageHeader) == 56);
struct ManyMessageHeader {
  MessageHeader header;
  std::uint32_t size, padding;
};
static_assert(sizeof(ManyMessageHeader) == 64);
constexpr unsigned kMostMessages = 1024;

SyscallResult finish_send(const SocketFile& socket, Result<std::size_t> sent, std::uint32_t flags) {
  if (sent.ok()) return static_cast<std::int64_t>(sent.value());
  const bool signals = socket.raises_broken_pipe() && (flags & kMessageNoSignal) == 0;
  if (sent.error() == Errno::kEPIPE && signals) raise_broken_pipe();
  return sent.error();
}

// Control messages of a call, off the heap where they are few.
class ControlBuffer {
 public:
  // Room for size bytes; kENOBUFS beyond what Linux allows (net.core.optmem_max).
  Result<std::span<std::uint8_t>> reserve(std::size_t size) {
    if (size <= sizeof(small_)) return std::span<std::uint8_t>(small_, size);
    if (size > kMost) return Errno::kENOBUFS;
    large_.reset(new (std::nothrow) std::uint8_t[size]);
    if (!large_) return Errno::kENOBUFS;
    return std::span<std::uint8_t>(large_.get(), size);
  }
  static constexpr std::size_t kMost = 20480;

 private:
  std::uint8_t small_[192];  // reserve() hands it out, whoever asked fills it
  std::unique_ptr<std::uint8_t[]> large_;
};

// AF_UNIX finds whom an address names here, since names lead through file systems. Those with connections do not care.
Result<RefPtr<SocketFile>> target_of(SocketFile& socket, const SocketAddress& address, std::uint32_t flags) {
  if (socket.family() != kFamilyUnix) return RefPtr<SocketFile>();
  if (static_cast<UnixSocketBase&>(socket).type() != kSocketDatagram) return RefPtr<SocketFile>();
  if ((flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  return find_named_socket(socket, address);
}

Result<std::size_t> send_to(SocketFile& socket, IoBuffer& buffer, OutgoingMessage& message, VirtAddr name,
                            std::size_t name_size) {
  if (name.is_null() || name_size == 0) return socket.send(buffer, message);
  const SocketAddress address = TRY(read_socket_address(name, name_size));
  RefPtr<SocketFile> target = TRY(target_of(socket, address, message.flags));
  message.to = &address;
  message.target = target.get();
  return socket.send(buffer, message);
}

SyscallResult send_message(SocketFile& socket, const MessageHeader& header, std::uint32_t flags) {
  if (header.vector_count > kMostSegments) return Errno::kEMSGSIZE;
  VectorArgument vector;
  TRY(vector.read(VirtAddr(header.vector), header.vector_count));
  IoBuffer buffer = vector.buffer();
  OutgoingMessage message;
  message.flags = flags;
  ControlBuffer control;
  if (header.control != 0 && header.control_size != 0) {
    const std::span<std::uint8_t> bytes = TRY(control.reserve(header.control_size));
    TRY(copy_from_application(bytes.data(), VirtAddr(header.control), bytes.size()));
    message.control = bytes;
  }
  SentControl sent;
  if (socket.family() == kFamilyUnix) TRY(sent.read(message));
  // Linux cuts a name that is too long here, and refuses it in sendto.
  const std::size_t name_size = std::min<std::size_t>(header.name_size, SocketAddress::kMost);
  return finish_send(socket, send_to(socket, buffer, message, VirtAddr(header.name), name_size), flags);
}

// Fills in what the header reports about the message.
SyscallResult receive_message(SocketFile& socket, MessageHeader& header, std::uint32_t flags) {
  if (header.vector_count > kMostSegments) return Errno::kEMSGSIZE;
  VectorArgument vector;
  TRY(vector.read(VirtAddr(header.vector), header.vector_count));
  IoBuffer buffer = vector.buffer();
  IncomingMessage message;
  message.flags = flags;
  SocketAddress from;
  if (header.name != 0) message.from = &from;
  ControlBuffer control;
  if (header.control != 0) {
    message.control = TRY(control.reserve(std::min<std::size_t>(header.control_size, ControlBuffer::kMost)));
  }
  const std::size_t received = TRY(socket.receive(buffer, message));
  if (header.name != 0) {
    if (static_cast<std::int32_t>(header.name_size) < 0) return Errno::kEINVAL;
    TRY(copy_to_application(VirtAddr(header.name), from.bytes, std::min<std::size_t>(from.size, header.name_size)));
    header.name_size = static_cast<std::uint32_t>(from.size);
  }
  write_received_control(message);
  if (message.control_size != 0) {
    TRY(copy_to_application(VirtAddr(header.control), message.control.data(), message.control_size));
  }
  header.control_size = message.control_size;
  header.flags = message.result_flags | (flags & kMessageCloseOnExec);
  return static_cast<std::int64_t>(received);
}

}  // namespace

SyscallResult sys_sendto(Descriptor descriptor, VirtAddr from, std::size_t size, Flags flags, VirtAddr address,
                         unsigned address_size) {
  IoBuffer buffer = TRY(transfer_buffer(from, size));
  const SocketArgument socket = TRY(socket_argument(descriptor));
  OutgoingMessage message;
  message.flags = static_cast<std::uint32_t>(flags);
  return finish_send(*socket, send_to(*socket, buffer, message, address, address_size), message.flags);
}

SyscallResult sys_recvfrom(Descriptor descriptor, VirtAddr to, std::size_t size, Flags flags, VirtAddr address,
                           VirtAddr address_size) {
  IoBuffer buffer = TRY(transfer_buffer(to, size));
  const SocketArgument socket = TRY(socket_argument(descriptor));
  IncomingMessage message;
  message.flags = static_cast<std::uint32_t>(flags);
  if (address.is_null()) return static_cast<std::int64_t>(TRY(socket->receive(buffer, message)));
  SocketAddress from;
  message.from = &from;
  const std::size_t received = TRY(socket->receive(buffer, message));
  TRY(write_socket_address(from, address, address_size));
  return static_cast<std::int64_t>(received);
}

SyscallResult sys_sendmsg(Descriptor descriptor, VirtAddr message, Flags flags) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  const auto header = TRY(read_application<MessageHeader>(message));
  return send_message(*socket, header, static_cast<std::uint32_t>(flags));
}

SyscallResult sys_recvmsg(Descriptor descriptor, VirtAddr message, Flags flags) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  auto header = TRY(read_application<MessageHeader>(message));
  const std::int64_t received = TRY(receive_message(*socket, header, static_cast<std::uint32_t>(flags)));
  TRY(write_application(message, header));
  return received;
}

SyscallResult sys_sendmmsg(Descriptor descriptor, VirtAddr messages, unsigned count, Flags flags) {
  const SocketArgument socket = TRY(socket_argument(descriptor));
  if (count > kMostMessages) count = kMostMessages;
  unsigned done = 0;
  for (; done < count; ++done) {
    const VirtAddr at = messages + done * sizeof(ManyMessageHeader);
    SyscallResult sent = [&]() -> SyscallResult {
      auto message = TRY(read_application<ManyMessageHeader>(at));
      message.size = static_cast<std::uint32_t>(
          TRY(send_message(*socket, message.header, static_cast<std::uint32_t>(flags))));
      TRY(write_application(at, message));
      return 0;
    }();
    if (!sent.ok() && done == 0) return sent;
    if (!sent.ok()) break;
  }
  return done;
}

SyscallResult sys_recvmmsg(Descriptor descriptor, VirtAddr messages, unsigned count, Flags flags, VirtAddr timeout) {
  constexpr std::uint32_t kWaitForOne = 0x10000;
  const SocketArgument socket = TRY(socket_argument(descriptor));
  Instant deadline = Instant::never();
  if (!timeout.is_null()) deadline = now() + TRY(read_timespec(timeout));
  auto message_flags = static_cast<std::uint32_t>(flags);
  if (count > kMostMessages) count = kMostMessages;
  unsigned done = 0;
  while (done < count) {
    const VirtAddr at = messages + done * sizeof(ManyMessageHeader);
    SyscallResult received = [&]() -> SyscallResult {
      auto message = TRY(read_application<ManyMessageHeader>(at));
      message.size = static_cast<std::uint32_t>(
          TRY(receive_message(*socket, message.header, message_flags & ~kWaitForOne)));
      TRY(write_application(at, message));
      return static_cast<std::int64_t>(message.size);
    }();
    if (!received.ok() && done == 0) return received;
    if (!received.ok()) break;
    ++done;
    if ((message_flags & kWaitForOne) != 0) message_flags |= kMessageDontWait;
    if (now() >= deadline) break;
  }
  return done;
}

}  // namespace mokapot
