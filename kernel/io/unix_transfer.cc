// SPDX-License-Identifier: Apache-2.0
//
// The data side of AF_UNIX sockets with connections: send, receive, shutdown, readiness.
#include <algorithm>

#include "io/in_flight.h"
#include "io/terminal_requests.h"
#include "io/unix_socket.h"

namespace mokapot {
namespace {

// Readiness for writing begins where a write of a page does not have to wait.
constexpr std::size_t kRoomToWrite = 4096;

// The writer's side of what goes with bytes. The note, if any, is of the first bytes that go in.
class StreamWriting final : public ByteRing::Companion {
 public:
  StreamWriting(UnixConnection& connection, unsigned end, const Credentials& credentials)
      : connection_(connection), end_(end), credentials_(credentials) {}

  void was_written(std::uint64_t position, std::size_t count) override {
    const bool other_writer = !(connection_.writer[end_] == credentials_);
    if (!note && !other_writer) return;
    if (!note) {
      // Where memory is short the bytes count as the former writer's.
      Result<RefPtr<UnixMessage>> made = make_ref<UnixMessage>();
      if (!made.ok()) return;
      note = made.take();
    }
    connection_.writer[end_] = credentials_;
    note->credentials = credentials_;
    note->begin = position;
    note->end = position + count;
    // Refused where the reader has just gone: then nobody misses it.
    (void)connection_.messages[end_].push(std::move(note)).ok();
    note = nullptr;
  }

  RefPtr<UnixMessage> note;

 private:
  UnixConnection& connection_;
  const unsigned end_;
  const Credentials credentials_;
};

// The reader's side. One read ends where the credentials change, if it is told of them, and behind the bytes that files
// came with.
class StreamReading final : public ByteRing::Companion {
 public:
  StreamReading(UnixConnection& connection, unsigned writer, IncomingMessage& message)
      : connection_(connection), writer_(writer), message_(message) {}

  std::size_t readable(std::uint64_t position, std::size_t used) override {
    std::size_t most = used;
    Credentials seen = connection_.reader[writer_];
    bool first = !started_;
    connection_.messages[writer_].for_each([&](UnixMessage& note) {
      if (note.begin >= position + most) return false;
      if (note.begin > position) first = false;
      if (first) {
        seen = note.credentials;
      } else if (message_.has_credentials && !(note.credentials == (started_ ? message_.credentials : seen))) {
        most = note.begin - position;
        return false;
      }
      if (!note.files) return true;
      most = std::min<std::size_t>(most, note.end - position);
      return false;
    });
    return most;
  }

  void was_read(std::uint64_t position, std::size_t count, ByteRing::Consume consume) override {
    UnixMessageQueue& notes = connection_.messages[writer_];
    Credentials seen = connection_.reader[writer_];
    RefPtr<UnixMessage> last;
    bool more = true;
    while (more) {
      RefPtr<UnixMessage> next;
      notes.for_each([&](UnixMessage& note) {
        if (last && note.begin <= last->begin) return true;
        if (note.begin < position + count) next = RefPtr<UnixMessage>(&note);
        return false;
      });
      more = static_cast<bool>(next);
      if (!more) break;
      if (next->begin == position) seen = next->credentials;
      if (next->files) message_.files = next->files;
      if (consume == ByteRing::Consume::kYes) {
        connection_.reader[writer_] = next->credentials;
        notes.take(*next);
      }
      last = std::move(next);
    }
    if (!started_) message_.credentials = seen;
    started_ = true;
  }

 private:
  UnixConnection& connection_;
  const unsigned writer_;
  IncomingMessage& message_;
  bool started_ = false;  // the message has its credentials
};

}  // namespace

Credentials UnixSocket::credentials_over(const Attachment& mine, const OutgoingMessage& message) {
  UnixConnection& connection = *mine.connection;
  IrqSpinGuard guard(connection.ends_lock);
  const UnixSocket* peer = connection.ends[1 - mine.end];
  if (peer != nullptr && !peer->accepted_.load(std::memory_order_relaxed)) peer = nullptr;
  return credentials_for(message, peer);
}

Result<std::size_t> UnixSocket::send(IoBuffer& from, const OutgoingMessage& message) {
  const Attachment mine = attachment();
  const bool stream = type() == kSocketStream;
  // The peer is given by the connection. Where there are messages, Linux does not even look at a name.
  if (stream && message.to != nullptr) return mine.connection ? Errno::kEISCONN : Errno::kEOPNOTSUPP;
  if (!mine.connection) return Errno::kENOTCONN;
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  return stream ? send_bytes(from, message, mine) : send_message(from, message, mine);
}

Result<std::size_t> UnixSocket::send_message(IoBuffer& from, const OutgoingMessage& outgoing, const Attachment& mine) {
  UnixConnection& connection = *mine.connection;
  const unsigned me = mine.end, other = 1 - mine.end;
  UnixMessageQueue& messages = connection.messages[me];
  if (const std::int32_t error = take_error(); error != 0) return static_cast<Errno>(error);
  const std::size_t size = from.remaining();
  if (size + kMessageNeeds > send_buffer()) return Errno::kEMSGSIZE;
  auto broken = [&] {
    return connection.write_ended[me].load(std::memory_order_acquire) ||
           connection.read_ended[other].load(std::memory_order_acquire);
  };
  auto ready = [&] { return broken() || messages.charge() < send_buffer(); };
  if (!ready()) TRY(wait_for(readiness(), outgoing.flags, send_deadline(), ready));
  if (broken()) return Errno::kEPIPE;
  RefPtr<UnixMessage> message = TRY(UnixMessage::create(from, outgoing));
  message->credentials = credentials_over(mine, outgoing);
  if (has_name()) message->from = TRY(local_address());
  Result<void> pushed = messages.push(std::move(message));
  if (!pushed.ok()) return Errno::kEPIPE;
  connection.notify(other, kPollReadable);
  return size;
}

Result<std::size_t> UnixSocket::send_bytes(IoBuffer& from, const OutgoingMessage& message, const Attachment& mine) {
  const std::uint32_t message_flags = message.flags;
  UnixConnection& connection = *mine.connection;
  const unsigned me = mine.end, other = 1 - mine.end;
  auto broken = [&] {
    return connection.write_ended[me].load(std::memory_order_acquire) ||
           connection.read_ended[other].load(std::memory_order_acquire);
  };
  const bool may_wait = waits(message_flags);
  const Instant deadline = send_deadline();
  StreamWriting writing(connection, me, credentials_over(mine, message));
  if (message.files != nullptr) {
    Result<RefPtr<UnixMessage>> made = make_ref<UnixMessage>();
    if (!made.ok()) return Errno::kENOBUFS;
    writing.note = made.take();
    writing.note->files = RefPtr<PassedFiles>(message.files);
    launch(*writing.note);
  }
  std::size_t total = 0;
  while (from.remaining() > 0) {
    Result<std::size_t> moved = broken() ? Result<std::size_t>(Errno::kEPIPE) : connection.bytes[me].write(from, 1, &writing);
    if (moved.ok()) {
      total += moved.value();
      connection.notify(other, kPollReadable);
      continue;
    }
    Errno error = moved.error();
    if (error == Errno::kEAGAIN && may_wait) {
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
  const Attachment mine = attachment();
  if (!mine.connection) return type() == kSocketStream ? Errno::kEINVAL : Errno::kENOTCONN;
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  message.has_credentials = passes_credentials();
  return type() == kSocketStream ? receive_bytes(into, message, mine) : receive_message(into, message, mine);
}

Result<std::size_t> UnixSocket::receive_message(IoBuffer& into, IncomingMessage& message, const Attachment& mine) {
  UnixConnection& connection = *mine.connection;
  const unsigned me = mine.end, other = 1 - mine.end;
  UnixMessageQueue& messages = connection.messages[other];
  const bool peek = (message.flags & kMessagePeek) != 0;
  RefPtr<UnixMessage> found;
  std::int32_t error = 0;
  auto attempt = [&] {
    error = take_error();
    if (error != 0) return true;
    // Looked at first: what was sent before the end still counts.
    const bool ended = connection.write_ended[other].load(std::memory_order_acquire) ||
                       connection.read_ended[me].load(std::memory_order_acquire);
    found = peek ? messages.first() : messages.take();
    return found || ended;
  };
  if (!attempt()) TRY(wait_for(readiness(), message.flags, receive_deadline(), attempt));
  if (error != 0) return static_cast<Errno>(error);
  if (!found) return std::size_t{0};
  if (!peek) connection.notify(other, kPollWritable | kPollWriteBand);
  return found->deliver(into, message);
}

Result<std::size_t> UnixSocket::receive_bytes(IoBuffer& into, IncomingMessage& message, const Attachment& mine) {
  const std::uint32_t message_flags = message.flags;
  if (into.remaining() == 0) return std::size_t{0};
  UnixConnection& connection = *mine.connection;
  const unsigned me = mine.end, other = 1 - mine.end;
  ByteRing& bytes = connection.bytes[other];
  auto ended = [&] {
    return connection.write_ended[other].load(std::memory_order_acquire) ||
           connection.read_ended[me].load(std::memory_order_acquire);
  };
  const auto consume = (message_flags & kMessagePeek) != 0 ? ByteRing::Consume::kNo : ByteRing::Consume::kYes;
  const bool may_wait = waits(message_flags);
  const bool wants_all = (message_flags & kMessageWaitAll) != 0 && consume == ByteRing::Consume::kYes;
  const Instant deadline = receive_deadline();
  StreamReading reading(connection, other, message);
  std::size_t total = 0;
  while (true) {
    const bool at_end = ended();  // looked at first: what was sent before the end still counts
    Result<std::size_t> moved = bytes.read(into, consume, &reading);
    if (!moved.ok()) {
      if (total != 0) return total;
      return moved.error();
    }
    total += moved.value();
    if (moved.value() != 0) {
      if (consume == ByteRing::Consume::kYes) connection.notify(other, kPollWritable);
      if (!wants_all || into.remaining() == 0 || message.files) return total;
      continue;
    }
    if (at_end) {
      if (total == 0 && connection.reset[me].exchange(false)) return Errno::kECONNRESET;
      return total;
    }
    if (!may_wait) return total != 0 ? Result<std::size_t>(std::size_t{total}) : Result<std::size_t>(Errno::kEAGAIN);
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
  const bool stream = type() == kSocketStream;
  const bool input = stream ? connection.bytes[other].used() != 0 : connection.messages[other].count() != 0;
  const bool room = stream ? connection.bytes[me].room() >= kRoomToWrite
                           : connection.messages[me].charge() * 4 <= send_buffer();
  PollEvents events = 0;
  if (input) events |= kPollReadable;
  if (no_more_input) events |= kPollReadable | kPollReadHangUp;
  if (no_more_input && no_more_output) events |= kPollHangUp;
  if (connection.reset[me].load()) events |= kPollError;
  if (no_more_output || room) events |= kPollWritable | kPollWriteBand;
  return events;
}

Result<std::int64_t> UnixSocket::control(std::uint32_t request, std::uint64_t argument) {
  if (request != kFionread && request != kTiocoutq) return Errno::kENOTTY;
  const Attachment mine = attachment();
  if (!mine.connection) return Errno::kEINVAL;
  const unsigned writer = request == kFionread ? 1 - mine.end : mine.end;
  const std::size_t count = type() == kSocketStream ? mine.connection->bytes[writer].used()
                            : request == kFionread  ? mine.connection->messages[writer].bytes()
                                                    : mine.connection->messages[writer].charge();
  TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(count)));
  return std::int64_t{0};
}

std::int32_t UnixSocket::take_error() {
  const Attachment mine = attachment();
  constexpr auto kReset = static_cast<std::int32_t>(Errno::kECONNRESET);
  return mine.connection && mine.connection->reset[mine.end].exchange(false) ? kReset : 0;
}

}  // namespace mokapot
