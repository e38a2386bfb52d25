// SPDX-License-Identifier: Apache-2.0
#include "io/unix_socket.h"

#include <algorithm>

namespace mokapot {
namespace {
constexpr int kMostBacklog = 4096;  // net.core.somaxconn
}  // namespace

void UnixConnection::notify(unsigned end, PollEvents events) {
  IrqSpinGuard guard(ends_lock);
  if (ends[end] != nullptr) ends[end]->notify(events);
}

// --- Making and ending connections ----------------------------------------------------------------------

void UnixSocket::attach(RefPtr<UnixConnection> connection, unsigned end) {
  {
    IrqSpinGuard guard(connection->ends_lock);
    connection->ends[end] = this;
  }
  SpinGuard guard(lock_);
  connection_ = std::move(connection);
  end_ = end;
  state_ = State::kConnected;
}

Result<void> UnixSocket::connect_pair(UnixSocket& a, UnixSocket& b) {
  RefPtr<UnixConnection> connection = TRY(make_ref<UnixConnection>());
  a.accepted_ = b.accepted_ = true;
  a.attach(connection, 0);
  b.attach(std::move(connection), 1);
  return {};
}

UnixSocket::~UnixSocket() {
  while (RefPtr<UnixSocket> refused = take_pending()) {
  }
  const Attachment mine = attachment();
  if (!mine.connection) return;
  UnixConnection& connection = *mine.connection;
  const unsigned other = 1 - mine.end;
  const Result<SocketAddress> name = local_address();
  {
    IrqSpinGuard guard(connection.ends_lock);
    connection.ends[mine.end] = nullptr;
    connection.last_name[mine.end] = name.value();
  }
  const bool unread = connection.bytes[other].used() != 0 || (type() != kSocketStream && connection.messages[other].count() != 0);
  if (unread) connection.reset[other].store(true, std::memory_order_release);
  connection.write_ended[mine.end].store(true, std::memory_order_release);
  connection.read_ended[mine.end].store(true, std::memory_order_release);
  connection.notify(other, kPollAny);
  connection.messages[other].close();  // nobody can read them any more
}

UnixSocket::Attachment UnixSocket::attachment() {
  SpinGuard guard(lock_);
  return {connection_, end_};
}

UnixSocket::State UnixSocket::state() {
  SpinGuard guard(lock_);
  return state_;
}

Result<void> UnixSocket::listen(int backlog) {
  if (!has_name()) return Errno::kEINVAL;
  SpinGuard guard(lock_);
  if (state_ == State::kConnected) return Errno::kEINVAL;
  state_ = State::kListening;
  // A negative or huge backlog means the most there is.
  backlog_ = static_cast<std::size_t>(
      std::min(static_cast<unsigned>(backlog), static_cast<unsigned>(kMostBacklog)));
  return {};
}

// Puts a connection's server end into the backlog. kEAGAIN: no room.
Result<void> UnixSocket::try_enqueue(RefPtr<UnixSocket>& server) {
  SpinGuard guard(lock_);
  if (state_ != State::kListening || refuses_) return Errno::kECONNREFUSED;
  if (pending_count_ > backlog_) return Errno::kEAGAIN;
  pending_.push_back(*server.release());
  ++pending_count_;
  return {};
}

RefPtr<UnixSocket> UnixSocket::take_pending() {
  RefPtr<UnixSocket> taken;
  {
    SpinGuard guard(lock_);
    if (pending_.empty()) return nullptr;
    taken = RefPtr<UnixSocket>::adopt(&pending_.front());
    pending_.pop_front();
    --pending_count_;
  }
  room_.wake_all();
  return taken;
}

Result<void> UnixSocket::connect_to(UnixSocketBase& target) {
  auto& listener = static_cast<UnixSocket&>(target);
  TRY(name_if_credentials_are_passed());
  switch (state()) {
    case State::kConnected: return Errno::kEISCONN;
    case State::kListening: return Errno::kEINVAL;
    case State::kUnconnected: break;
  }
  RefPtr<UnixConnection> connection = TRY(make_ref<UnixConnection>());
  RefPtr<UnixSocket> server = TRY(make_ref<UnixSocket>(type(), 0u));
  TRY(server->set_name(TRY(listener.local_address())));
  server->attach(connection, 1);
  Result<void> result = Errno::kEAGAIN;
  auto attempt = [&] {
    result = listener.try_enqueue(server);
    return result.ok() || result.error() != Errno::kEAGAIN;
  };
  if (non_blocking()) {
    attempt();
  } else if (wait_until(listener.room_, send_deadline(), Interruptible::kYes, attempt) ==
             WakeReason::kInterrupted) {
    return Errno::kRestart;
  }
  TRY(std::move(result));
  accepted_.store(true, std::memory_order_relaxed);
  attach(std::move(connection), 0);
  listener.notify(kPollReadable);
  notify();  // the server may have spoken, or gone, before this end was in place
  return {};
}

Result<RefPtr<SocketFile>> UnixSocket::accept(std::uint32_t flags) {
  RefPtr<UnixSocket> accepted;
  bool listening = true;
  auto attempt = [&] {
    {
      SpinGuard guard(lock_);
      listening = state_ == State::kListening && !refuses_;
    }
    if (listening) accepted = take_pending();
    return !listening || accepted;
  };
  if (!attempt()) TRY(wait_for(readiness(), 0, receive_deadline(), attempt));
  if (!listening) return Errno::kEINVAL;
  accepted->accepted_.store(true, std::memory_order_relaxed);
  accepted->set_status_flags(flags);
  return RefPtr<SocketFile>(std::move(accepted));
}

Result<SocketAddress> UnixSocket::peer_address() {
  const Attachment mine = attachment();
  if (!mine.connection) return Errno::kENOTCONN;
  UnixSocket* peer = nullptr;
  {
    IrqSpinGuard guard(mine.connection->ends_lock);
    peer = mine.connection->ends[1 - mine.end];
    if (peer == nullptr) return mine.connection->last_name[1 - mine.end];
    // On its way out: the name is about to be noted down.
    if (!peer->try_add_reference()) return Errno::kENOTCONN;
  }
  return RefPtr<UnixSocket>::adopt(peer)->local_address();
}

void UnixSocket::for_each_queue(void (*visit)(UnixMessageQueue& queue, void* context), void* context) {
  const Attachment mine = attachment();
  if (mine.connection) visit(mine.connection->messages[1 - mine.end], context);
  // Connections that nobody has accepted are read by whoever has the listener. They stay where they are meanwhile: only a
  // reader of the listener takes them off, and then the listener is no candidate of the search.
  SpinGuard guard(lock_);
  for (UnixSocket& waiting : pending_) {
    visit(waiting.early_connection().messages[0], context);
  }
}

}  // namespace mokapot
