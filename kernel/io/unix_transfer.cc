// SPDX-License-Identifier: Apache-2.0
//
// The data side of AF_UNIX stream sockets: send, receive, shutdown, readiness, options.
#include <algorithm>
#include <cstring>

#include "io/terminal_requests.h"
#include "io/unix_socket.h"
#include "time/clock.h"

namespace mokapot {
namespace {

// Readiness for writing begins where a write of a page does not have to wait.
constexpr std::size_t kRoomToWrite = 4096;

// SOL_SOCKET's options, Linux's numbers.
enum : int {
  kReuseAddress = 2, kType = 3, kError = 4, kSendBuffer = 7, kReceiveBuffer = 8, kKeepAlive = 9, kLinger = 13,
  kReusePort = 15, kPassCredentials = 16, kPeerCredentials = 17, kReceiveTimeLimit = 20, kSendTimeLimit = 21,
  kAcceptsConnections = 30, kProtocol = 38, kDomain = 39,
};

struct TimeValue {
  std::int64_t seconds, microseconds;
};

}  // namespace

Instant UnixSocket::time_limit(std::atomic<std::int64_t>& nanoseconds) {
  const std::int64_t limit = nanoseconds.load(std::memory_order_relaxed);
  return limit == 0 ? Instant::never() : now() + Duration::nanoseconds(limit);
}

Result<std::size_t> UnixSocket::send(IoBuffer& from, const OutgoingMessage& message) {
  const std::uint32_t message_flags = message.flags;
  // A stream's peer is given by its connection.
  if (message.to != nullptr) return attachment().connection ? Errno::kEISCONN : Errno::kEOPNOTSUPP;
  if (!message.control.empty()) return Errno::kEINVAL;  // descriptors and credentials do not travel here
  if ((message_flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  const Attachment mine = attachment();
  if (!mine.connection) return Errno::kENOTCONN;
  UnixConnection& connection = *mine.connection;
  const unsigned me = mine.end, other = 1 - mine.end;
  auto broken = [&] {
    return connection.write_ended[me].load(std::memory_order_acquire) ||
           connection.read_ended[other].load(std::memory_order_acquire);
  };
  const bool waits = !non_blocking() && (message_flags & kMessageDontWait) == 0;
  const Instant deadline = time_limit(send_limit_);
  std::size_t total = 0;
  while (from.remaining() > 0) {
    Result<std::size_t> moved = broken() ? Result<std::size_t>(Errno::kEPIPE) : connection.bytes[me].write(from, 1);
    if (moved.ok()) {
      total += moved.value();
      connection.notify(other, kPollReadable);
      continue;
    }
    Errno error = moved.error();
    if (error == Errno::kEAGAIN && waits) {
      const WakeReason reason = wait_until(readiness(), deadline, Interruptible::kYes,
                                           [&] { return broken() || connection.bytes[me].room() != 0; });
      if (reason == WakeReason::kWoken) continue;
      if (reason == WakeReason::kInterrupted) error = Errno::kRestart;
    }
    if (total != 0) break;
    return error;
  }
  return total;
}

Result<std::size_t> UnixSocket::receive(IoBuffer& into, IncomingMessage& message) {
  const std::uint32_t message_flags = message.flags;
  if ((message_flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  const Attachment mine = attachment();
  if (!mine.connection) return Errno::kEINVAL;
  if (into.remaining() == 0) return std::size_t{0};
  UnixConnection& connection = *mine.connection;
  const unsigned me = mine.end, other = 1 - mine.end;
  ByteRing& bytes = connection.bytes[other];
  auto ended = [&] {
    return connection.write_ended[other].load(std::memory_order_acquire) ||
           connection.read_ended[me].load(std::memory_order_acquire);
  };
  const auto consume = (message_flags & kMessagePeek) != 0 ? ByteRing::Consume::kNo : ByteRing::Consume::kYes;
  const bool waits = !non_blocking() && (message_flags & kMessageDontWait) == 0;
  const bool wants_all = (message_flags & kMessageWaitAll) != 0 && consume == ByteRing::Consume::kYes;
  const Instant deadline = time_limit(receive_limit_);
  std::size_t total = 0;
  while (true) {
    const bool at_end = ended();  // looked at first: what was sent before the end still counts
    Result<std::size_t> moved = bytes.read(into, consume);
    if (!moved.ok()) {
      if (total != 0) return total;
      return moved.error();
    }
    total += moved.value();
    if (moved.value() != 0) {
      if (consume == ByteRing::Consume::kYes) connection.notify(other, kPollWritable);
      if (!wants_all || into.remaining() == 0) return total;
      continue;
    }
    if (at_end) {
      if (total == 0 && connection.reset[me].exchange(false)) return Errno::kECONNRESET;
      return total;
    }
    if (!waits) return total != 0 ? Result<std::size_t>(std::size_t{total}) : Result<std::size_t>(Errno::kEAGAIN);
    const WakeReason reason = wait_until(readiness(), deadline, Interruptible::kYes,
                                         [&] { return ended() || bytes.used() != 0; });
    if (reason == WakeReason::kWoken) continue;
    if (total != 0) return total;
    return reason == WakeReason::kInterrupted ? Errno::kRestart : Errno::kEAGAIN;
  }
}

Result<void> UnixSocket::shut_down(Shutdown how) {
  const bool reads = how != Shutdown::kWrite, writes = how != Shutdown::kRead;
  const Attachment mine = attachment();
  if (!mine.connection) {
    {
      SpinGuard guard(lock_);
      if (state_ != State::kListening) return Errno::kENOTCONN;
      if (reads) refuses_ = true;
    }
    room_.wake_all();
    notify();
    return {};
  }
  if (reads) mine.connection->read_ended[mine.end].store(true, std::memory_order_release);
  if (writes) mine.connection->write_ended[mine.end].store(true, std::memory_order_release);
  mine.connection->notify(1 - mine.end, kPollAny);
  notify();
  return {};
}

PollEvents UnixSocket::poll() {
  State state = State::kUnconnected;
  bool pending = false;
  {
    SpinGuard guard(lock_);
    state = state_;
    pending = !pending_.empty() || refuses_;
  }
  if (state == State::kListening) return pending ? kPollReadable : 0;
  const Attachment mine = attachment();
  if (!mine.connection) return kPollHangUp | kPollWritable;
  UnixConnection& connection = *mine.connection;
  const unsigned me = mine.end, other = 1 - mine.end;
  const bool no_more_input = connection.write_ended[other].load() || connection.read_ended[me].load();
  const bool no_more_output = connection.write_ended[me].load() || connection.read_ended[other].load();
  PollEvents events = 0;
  if (connection.bytes[other].used() != 0) events |= kPollReadable;
  if (no_more_input) events |= kPollReadable | kPollReadHangUp;
  if (no_more_input && no_more_output) events |= kPollHangUp;
  if (connection.reset[me].load()) events |= kPollError;
  if (no_more_output || connection.bytes[me].room() >= kRoomToWrite) events |= kPollWritable | kPollWriteBand;
  return events;
}

Result<std::int64_t> UnixSocket::control(std::uint32_t request, std::uint64_t argument) {
  if (request != kFionread && request != kTiocoutq) return Errno::kENOTTY;
  const Attachment mine = attachment();
  if (!mine.connection) return Errno::kEINVAL;
  const std::size_t count = mine.connection->bytes[request == kFionread ? 1 - mine.end : mine.end].used();
  TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(count)));
  return std::int64_t{0};
}

// --- Options ----------------------------------------------------------------------------------------

Result<void> UnixSocket::set_option(int level, int name, std::span<const std::uint8_t> value) {
  if (level != kLevelSocket) return Errno::kEOPNOTSUPP;
  if (name == kReceiveTimeLimit || name == kSendTimeLimit) {
    TimeValue time;
    if (value.size() < sizeof(time)) return Errno::kEINVAL;
    std::memcpy(&time, value.data(), sizeof(time));
    if (time.microseconds < 0 || time.microseconds >= 1'000'000) return Errno::kEDOM;
    // Negative is no wait at all, and so long that it does not count is no limit.
    constexpr std::int64_t kMostSeconds = 1'000'000'000;
    std::int64_t limit = time.seconds < 0 ? 1 : time.microseconds * 1000;
    if (time.seconds > 0) limit = time.seconds > kMostSeconds ? 0 : limit + time.seconds * 1'000'000'000;
    (name == kReceiveTimeLimit ? receive_limit_ : send_limit_).store(limit, std::memory_order_relaxed);
    return {};
  }
  std::int32_t number = 0;
  if (value.size() < sizeof(number)) return Errno::kEINVAL;
  std::memcpy(&number, value.data(), sizeof(number));
  switch (name) {
    case kReuseAddress: reuse_address_ = number != 0; return {};
    case kReusePort: reuse_port_ = number != 0; return {};
    case kKeepAlive: keep_alive_ = number != 0; return {};
    case kPassCredentials: pass_credentials_ = number != 0; return {};
    case kSendBuffer:
    case kReceiveBuffer:
    case kLinger: return {};  // hints: the buffers are what they are, and closing loses nothing
    case kType:
    case kError:
    case kPeerCredentials:
    case kAcceptsConnections:
    case kProtocol:
    case kDomain:
    default: return Errno::kENOPROTOOPT;
  }
}

Result<std::size_t> UnixSocket::option(int level, int name, std::span<std::uint8_t> value) {
  if (level != kLevelSocket) return Errno::kEOPNOTSUPP;
  auto give = [&](const auto& what) -> Result<std::size_t> {
    const std::size_t size = std::min(value.size(), sizeof(what));
    std::memcpy(value.data(), &what, size);
    return size;
  };
  auto give_number = [&](std::int64_t number) { return give(static_cast<std::int32_t>(number)); };
  switch (name) {
    case kReuseAddress: return give_number(reuse_address_ ? 1 : 0);
    case kReusePort: return give_number(reuse_port_ ? 1 : 0);
    case kKeepAlive: return give_number(keep_alive_ ? 1 : 0);
    case kPassCredentials: return give_number(pass_credentials_ ? 1 : 0);
    case kType: return give_number(kSocketStream);
    case kError: {
      const Attachment mine = attachment();
      constexpr auto kReset = static_cast<std::int32_t>(Errno::kECONNRESET);
      return give_number(mine.connection && mine.connection->reset[mine.end].exchange(false) ? kReset : 0);
    }
    case kSendBuffer:
    case kReceiveBuffer: return give_number(UnixConnection::kBufferSize);
    case kLinger: return give(std::uint64_t{0});
    case kPeerCredentials: {
      struct {
        std::int32_t process, user, group;
      } credentials{1, 0, 0};  // there is one process
      if (!attachment().connection) credentials = {0, -1, -1};
      return give(credentials);
    }
    case kReceiveTimeLimit:
    case kSendTimeLimit: {
      const std::int64_t limit = (name == kReceiveTimeLimit ? receive_limit_ : send_limit_).load();
      return give(TimeValue{limit / 1'000'000'000, limit % 1'000'000'000 / 1000});
    }
    case kAcceptsConnections: return give_number(state() == State::kListening ? 1 : 0);
    case kProtocol: return give_number(0);
    case kDomain: return give_number(kFamilyUnix);
    default: return Errno::kENOPROTOOPT;
  }
}

}  // namespace mokapot
