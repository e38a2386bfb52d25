// SPDX-License-Identifier: Apache-2.0
#include "api/loopback_connection.h"

#include "base/number.h"
#include "base/vector.h"
#include "net/inet_address.h"
#include "net/inet_socket.h"

namespace mokapot {
namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::string_view kNoMemory = "the VM has no memory left for tools";

// 0 where the text is no port.
std::uint16_t parse_port(std::string_view text) {
  constexpr std::size_t kMostDigits = 5;
  constexpr unsigned kLastPort = 0xffff;
  if (text.size() > kMostDigits) return 0;
  const std::uint64_t port = parse_decimal(text).value_or(0);
  return port <= kLastPort ? static_cast<std::uint16_t>(port) : 0;
}

Result<RefPtr<SocketFile>> connect_by(int family, std::uint16_t port) {
  RefPtr<SocketFile> socket = TRY(make_inet_socket(family, kSocketStream, 0, 0));
  TRY(socket->connect(to_socket_address({InetAddress::loopback(family), port}, family)));
  return socket;
}

}  // namespace

std::string_view connect_to_loopback(std::span<const std::string_view> words, ToolStream& stream) {
  const std::uint16_t port = words.size() == 2 ? parse_port(words[0]) : std::uint16_t{0};
  if (port == 0) return "connect wants a port and what is to be sent";
  Result<RefPtr<SocketFile>> socket = connect_by(kFamilyIpv4, port);
  if (!socket.ok()) socket = connect_by(kFamilyIpv6, port);
  if (stream.cancelled()) return "";
  if (!socket.ok()) return "nothing listens on that port of the VM's loopback";
  // A buffer is for both directions, so the words, which are constant, are copied.
  Vector<char> request;
  if (!request.resize(words[1].size()).ok()) return kNoMemory;
  words[1].copy(request.data(), request.size());
  IoBuffer from(request.data(), request.size());
  OutgoingMessage message;
  message.flags = kMessageNoSignal;
  while (from.remaining() > 0)
    if (!socket.value()->send(from, message).ok()) return stream.cancelled() ? "" : "the server closed the connection";
  Vector<char> chunk;
  if (!chunk.resize(kChunk).ok()) return kNoMemory;
  while (true) {
    IoBuffer into(chunk.data(), kChunk);
    IncomingMessage incoming;
    const Result<std::size_t> size = socket.value()->receive(into, incoming);
    if (stream.cancelled()) return "";
    if (!size.ok()) return "the server reset the connection";
    if (size.value() == 0) return "";
    if (!stream.send(chunk.data(), size.value()).ok()) return "";
  }
}

}  // namespace mokapot
