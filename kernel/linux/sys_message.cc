// SPDX-License-Identifier: Apache-2.0
//
// Sending and receiving through sockets: sendto, recvfrom, sendmsg, recvmsg and their many-message forms.
#include "linux/file_arguments.h"
#include "linux/socket_arguments.h"
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

SyscallResult finish_send(Result<std::size_t> sent, std::uint32_t flags) {
  if (sent.ok()) return static_cast<std::int64_t>(sent.value());
  if (sent.error() == Errno::kEPIPE && (flags & kMessageNoSignal) == 0) raise_broken_pipe();
  return sent.error();
}

// A stream's peer is given by its connection: an address with a message is refused.
Result<void> refuse_address(SocketFile& socket) {
  return socket.peer_address().ok() ? Errno::kEISCONN : Errno::kEOPNOTSUPP;
}

SyscallResult send_message(SocketFile& socket, const MessageHeader& header, std::uint32_t flags) {
  if (header.name != 0 && header.name_size != 0) TRY(refuse_address(socket));
  // Descriptors and credentials do not travel here.
  if (header.control != 0 && header.control_size != 0) return Errno::kEINVAL;
  VectorArgument vector;
  if (header.vector_count > kMostSegments) return Errno::kEMSGSIZE;
  TRY(vector.read(VirtAddr(header.vector), header.vector_count));
  IoBuffer buffer = vector.buffer();
  return finish_send(socket.send(buffer, flags), flags);
}

// Fills in what the header reports about the message.
SyscallResult receive_message(SocketFile& socket, MessageHeader& header, std::uint32_t flags) {
  VectorArgument vector;
  if (header.vector_count > kMostSegments) return Errno::kEMSGSIZE;
  TRY(vector.read(VirtAddr(header.vector), header.vector_count));
  IoBuffer buffer = vector.buffer();
  const std::size_t received = TRY(socket.receive(buffer, flags));
  header.name_size = 0;  // streams do not say who sent
  header.control_size = 0;
  header.flags = 0;
  return static_cast<std::int64_t>(received);
}

}  // namespace

SyscallResult sys_sendto(Descriptor descriptor, VirtAddr from, std::size_t size, Flags flags, VirtAddr address,
                         unsigned address_size) {
  IoBuffer buffer = TRY(transfer_buffer(from, size));
  const SocketArgument socket = TRY(socket_argument(descriptor));
  if (!address.is_null() && address_size != 0) TRY(refuse_address(*socket));
  const auto message_flags = static_cast<std::uint32_t>(flags);
  return finish_send(socket->send(buffer, message_flags), message_flags);
}

SyscallResult sys_recvfrom(Descriptor descriptor, VirtAddr to, std::size_t size, Flags flags, VirtAddr address,
                           VirtAddr address_size) {
  IoBuffer buffer = TRY(transfer_buffer(to, size));
  const SocketArgument socket = TRY(socket_argument(descriptor));
  const std::size_t received = TRY(socket->receive(buffer, static_cast<std::uint32_t>(flags)));
  if (!address.is_null()) TRY(write_socket_address(SocketAddress(), address, address_size));
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
    if (received.value() == 0 || now() >= deadline) break;  // the stream ended, or time is up
  }
  return done;
}

}  // namespace mokapot
