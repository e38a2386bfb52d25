// SPDX-License-Identifier: Apache-2.0
//
// The data side of TCP sockets: send, receive, shutdown, readiness.
#include <algorithm>

#include "io/terminal_requests.h"
#include "net/buffers.h"
#include "net/tcp_socket.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kSiocatmark = 0x8905, kSiocoutqnsd = 0x894b;

// Of one call: what fills a device's ring is a few dozen.
constexpr std::size_t kMostPages = 32;

bool is_connecting(TcpState state) { return state == TcpState::kSynSent || state == TcpState::kSynReceived; }

// Nothing more can come: of the reasons that end a wait for data.
bool receiving_is_over(TcpEndpoint& from) {
  return (from.ended() & TcpEndpoint::kReceiveEnded) != 0 || from.has_error() || from.state() == TcpState::kClosed;
}
bool sending_is_over(TcpEndpoint& to) { return (to.ended() & TcpEndpoint::kSendEnded) != 0 || to.has_error(); }

}  // namespace

RefPtr<TcpEndpoint> TcpSocket::endpoint() {
  SpinGuard guard(lock_);
  return endpoint_;
}

// What a send gives when the connection is broken: the pending error once, then EPIPE.
Errno TcpSocket::send_error(TcpEndpoint& to) {
  const Errno pending = to.take_error();
  return pending != Errno{} ? pending : Errno::kEPIPE;
}

// The connection to send on, once it is there.
Result<RefPtr<TcpEndpoint>> TcpSocket::connected_endpoint(std::uint32_t message_flags, Instant deadline) {
  RefPtr<TcpEndpoint> to = endpoint();
  if (!to) return Errno::kEPIPE;
  if (is_connecting(to->state())) {
    if (!waits(message_flags)) return Errno::kEAGAIN;
    switch (wait_until(readiness(), deadline, Interruptible::kYes, [&] { return !is_connecting(to->state()); })) {
      case WakeReason::kWoken: break;
      case WakeReason::kTimedOut: return Errno::kEAGAIN;
      case WakeReason::kInterrupted: return send_interrupted();
    }
  }
  return to;
}

// Moves what there is room for. What is left waits for room, which may take long: nothing that was moved waits for it,
// though it was written with more to follow, nor for what MSG_MORE or TCP_CORK says will follow (as Linux pushes before it
// waits for memory).
Result<std::size_t> TcpSocket::move_out(TcpEndpoint& to, IoBuffer& from, TcpEndpoint::More more) {
  MutexGuard guard(send_mutex_);
  std::size_t total = 0;
  while (from.remaining() > 0 && !sending_is_over(to)) {
    const std::size_t size = std::min({from.remaining(), to.room(), kMostBuffer});
    if (size == 0) break;
    Result<pbuf*> data = buffer_from(from, size);
    if (!data.ok()) {
      if (total != 0) break;
      return data.error();
    }
    const std::size_t moved = data.value()->len;
    const bool rest = from.remaining() > 0 && moved == size;
    const Result<pbuf*> refused = to.transmit(data.value(), rest ? TcpEndpoint::More::kYes : more);
    if (!refused.ok() || refused.value() != nullptr) {
      free_buffers(data.value());
      if (total != 0) break;
      return refused.ok() ? Errno::kEAGAIN : refused.error();
    }
    total += moved;
    if (moved < size) break;  // a fault: what was read of the memory counts
  }
  if (total != 0 && from.remaining() > 0) to.push(TcpEndpoint::Nagle::kPassed);
  return total;
}

Result<std::size_t> TcpSocket::send(IoBuffer& from, const OutgoingMessage& message) {
  if ((message.flags & kMessageOutOfBand) != 0) return send_urgent(from, message.flags);
  const Instant deadline = send_deadline();
  const RefPtr<TcpEndpoint> to = TRY(connected_endpoint(message.flags, deadline));
  const bool corked = options_.on(Option::kCork);
  const auto more =
      corked || (message.flags & kMessageMore) != 0 ? TcpEndpoint::More::kYes : TcpEndpoint::More::kNo;
  std::size_t total = 0;
  while (true) {
    if (sending_is_over(*to)) {
      if (total != 0) return total;
      return send_error(*to);
    }
    Result<std::size_t> moved = move_out(*to, from, more);
    if (!moved.ok() && moved.error() != Errno::kEAGAIN) {
      if (total != 0) return total;
      return moved.error();
    }
    if (moved.ok()) total += moved.value();
    if (from.remaining() == 0) return total;
    if (moved.ok() && moved.value() != 0) continue;
    const Result<void> roomy = wait_for_room(*to, message.flags, deadline);
    if (!roomy.ok()) return total != 0 ? Result<std::size_t>(std::size_t{total}) : roomy.error();
  }
}

// Until something can be sent, or never again. kEAGAIN, or what an interrupted call gives.
Result<void> TcpSocket::wait_for_room(TcpEndpoint& to, std::uint32_t message_flags, Instant deadline) {
  auto ready = [&] { return to.room() != 0 || sending_is_over(to); };
  to.want_room();
  if (ready()) return {};
  if (!waits(message_flags)) return Errno::kEAGAIN;
  switch (wait_until(readiness(), deadline, Interruptible::kYes, ready)) {
    case WakeReason::kWoken: return {};
    case WakeReason::kTimedOut: return Errno::kEAGAIN;
    case WakeReason::kInterrupted: return send_interrupted();
  }
  return {};
}

// sendfile(2): pages of a file go out as they lie in the page cache.
Result<std::size_t> TcpSocket::send_pages(PageSource& source, std::uint64_t offset, std::size_t size) {
  const Instant deadline = send_deadline();
  const RefPtr<TcpEndpoint> to = TRY(connected_endpoint(0, deadline));
  while (!sending_is_over(*to)) {
    const std::size_t most = std::min({size, to->room(), kMostPages * kPageSize});
    if (most == 0) {
      TRY(wait_for_room(*to, 0, deadline));
      continue;
    }
    const BufferChain pages = buffers_of_pages(source, offset, most);
    if (pages.first == nullptr) return std::size_t{0};
    MutexGuard guard(send_mutex_);
    const auto more = options_.on(Option::kCork) ? TcpEndpoint::More::kYes : TcpEndpoint::More::kNo;
    const Result<pbuf*> refused = to->transmit(pages.first, more);
    if (!refused.ok()) {
      free_buffers(pages.first);
      return refused.error();
    }
    std::size_t left = 0;
    for (const pbuf* at = refused.value(); at != nullptr; at = at->next) left += at->len;
    free_buffers(refused.value());
    if (left != 0) to->push(TcpEndpoint::Nagle::kPassed);  // no room for the rest
    if (left != pages.size) return pages.size - left;
  }
  return send_error(*to);
}

// All but the last byte are ordinary; the last is the urgent one.
Result<std::size_t> TcpSocket::send_urgent(IoBuffer& from, std::uint32_t message_flags) {
  const std::size_t size = from.remaining();
  if (size == 0) return std::size_t{0};
  const RefPtr<TcpEndpoint> to = TRY(connected_endpoint(message_flags, send_deadline()));
  if (sending_is_over(*to)) return send_error(*to);
  std::size_t total = 0;
  while (from.remaining() > 1) {
    Result<pbuf*> data = buffer_from(from, std::min(from.remaining() - 1, kMostBuffer));
    if (!data.ok()) return data.error();
    total += data.value()->len;
    const Result<pbuf*> refused = to->transmit(data.value(), TcpEndpoint::More::kNo);
    if (!refused.ok() || refused.value() != nullptr) {
      free_buffers(data.value());
      return refused.ok() ? Errno::kEAGAIN : refused.error();
    }
  }
  std::uint8_t last = 0;
  TRY(from.copy_out(&last, 1));
  to->transmit_urgent(last);
  return total + 1;
}

Result<std::size_t> TcpSocket::receive_urgent(IoBuffer& into, std::uint32_t message_flags) {
  const RefPtr<TcpEndpoint> from = endpoint();
  if (!from || options_.on(Option::kOutOfBandInline)) return Errno::kEINVAL;
  const auto consume =
      (message_flags & kMessagePeek) != 0 ? TcpEndpoint::Consume::kNo : TcpEndpoint::Consume::kYes;
  const int byte = from->take_urgent(consume);
  if (byte < 0) {
    if (from->state() == TcpState::kClosed || (from->ended() & TcpEndpoint::kReceiveEnded) != 0) return std::size_t{0};
    return Errno::kEINVAL;
  }
  const auto value = static_cast<std::uint8_t>(byte);
  return into.copy_in(&value, 1);
}

Result<std::size_t> TcpSocket::receive(IoBuffer& into, IncomingMessage& message) {
  if (message.from != nullptr) message.from->size = 0;  // streams do not say who sent
  if ((message.flags & kMessageErrorQueue) != 0) return Errno::kEAGAIN;
  if (is_listening()) return Errno::kENOTCONN;
  if ((message.flags & kMessageOutOfBand) != 0) return receive_urgent(into, message.flags);
  const RefPtr<TcpEndpoint> from = endpoint();
  if (!from) return Errno::kENOTCONN;
  const bool peeks = (message.flags & kMessagePeek) != 0;
  const auto consume = peeks ? TcpEndpoint::Consume::kNo : TcpEndpoint::Consume::kYes;
  IoBuffer* const to = (message.flags & kMessageTruncate) != 0 ? nullptr : &into;
  const std::size_t size = into.remaining();
  const std::size_t low_water = static_cast<std::size_t>(options_.get(Option::kReceiveLowWater));
  const std::size_t target = (message.flags & kMessageWaitAll) != 0 ? size : std::min(low_water, size);
  const bool waits_for_data = waits(message.flags);
  const Instant deadline = receive_deadline();
  std::size_t total = 0;
  while (true) {
    const bool over = receiving_is_over(*from);  // looked at first: what was sent before the end still counts
    Result<std::size_t> moved = std::size_t{0};
    {
      MutexGuard guard(receive_mutex_);
      moved = from->read(to, size - total, total, consume);
    }
    if (!moved.ok()) {
      if (total != 0) return total;
      return moved.error();
    }
    total += moved.value();
    if (total == size && (size != 0 || from->received() != 0)) return total;
    if (total >= target && total != 0) return total;
    if (moved.value() != 0) continue;
    if (over) {
      if (total != 0 || from->peer_finished()) return total;
      const Errno error = from->take_error();
      if (error != Errno{}) return error;
      if ((from->ended() & TcpEndpoint::kReceiveEnded) != 0) return std::size_t{0};
      return Errno::kENOTCONN;
    }
    if (!waits_for_data) return total != 0 ? Result<std::size_t>(std::size_t{total}) : Errno::kEAGAIN;
    const std::size_t seen = peeks ? total : 0;
    switch (wait_until(readiness(), deadline, Interruptible::kYes,
                       [&] { return from->received() > seen || receiving_is_over(*from); })) {
      case WakeReason::kWoken: break;
      case WakeReason::kTimedOut: return total != 0 ? Result<std::size_t>(std::size_t{total}) : Errno::kEAGAIN;
      case WakeReason::kInterrupted:
        return total != 0 ? Result<std::size_t>(std::size_t{total}) : receive_interrupted();
    }
  }
}

Result<void> TcpSocket::shut_down(Shutdown how) {
  const bool reads = how != Shutdown::kWrite, writes = how != Shutdown::kRead;
  if (is_listening()) {
    if (reads) stop_listening();
    notify();
    return {};
  }
  const RefPtr<TcpEndpoint> connection = endpoint();
  if (!connection || connection->state() == TcpState::kClosed) {
    notify();  // whoever polls an unconnected socket looks again
    return Errno::kENOTCONN;
  }
  if (is_connecting(connection->state())) {
    forget_connection();
    notify();
    return {};
  }
  if (reads) connection->end_receiving();
  if (writes) connection->end_sending();
  notify();
  return {};
}

PollEvents TcpSocket::poll() {
  if (is_listening()) {
    SpinGuard guard(lock_);
    return listener_ && !listener_->accepted.empty() ? kPollReadable : 0;
  }
  const RefPtr<TcpEndpoint> connection = endpoint();
  if (!connection) return kPollHangUp | kPollWritable;
  PollEvents events = 0;
  const std::uint8_t ended = connection->ended();
  if (ended == TcpEndpoint::kBothEnded || connection->state() == TcpState::kClosed) events |= kPollHangUp;
  if ((ended & TcpEndpoint::kReceiveEnded) != 0) events |= kPollReadable | kPollReadHangUp;
  if (!is_connecting(connection->state())) {
    const std::size_t received = connection->received();
    if (received != 0 && received >= static_cast<std::size_t>(options_.get(Option::kReceiveLowWater))) {
      events |= kPollReadable;
    }
    if ((ended & TcpEndpoint::kSendEnded) != 0 || connection->is_writable()) {
      events |= kPollWritable;
    } else {
      connection->want_room();
      if (connection->is_writable()) events |= kPollWritable;
    }
    if (connection->urgent_byte() >= 0) events |= kPollPriority;
  }
  if (connection->has_error()) events |= kPollError;
  return events;
}

Result<std::int64_t> TcpSocket::control(std::uint32_t request, std::uint64_t argument) {
  if (request != kFionread && request != kTiocoutq && request != kSiocatmark && request != kSiocoutqnsd) {
    return InetSocket::control(request, argument);
  }
  if (is_listening()) return Errno::kEINVAL;
  const RefPtr<TcpEndpoint> connection = endpoint();
  std::size_t count = 0;
  if (connection && request == kFionread) count = connection->received();
  if (connection && request == kTiocoutq) count = connection->unsent();
  if (connection && request == kSiocoutqnsd) count = connection->never_sent();
  TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(count)));
  return std::int64_t{0};
}

}  // namespace mokapot
