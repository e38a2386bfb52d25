// SPDX-License-Identifier: Apache-2.0
#include "io/unix_socket.h"

#include <algorithm>
#include <cstring>


namespace mokapot {
namespace {
constexpr int kMostBacklog = 4096;  // net.core.somaxconn

// Sockets with a name of the abstract space, in a chain through next_abstract_.
constinit SpinLock abstract_lock{LockRank::kReadiness};
constinit UnixSocket* first_abstract = nullptr;

bool same_name(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(a.bytes, b.bytes, a.size) == 0;
}
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
  a.attach(connection, 0);
  b.attach(std::move(connection), 1);
  return {};
}

UnixSocket::~UnixSocket() {
  forget_abstract_name();
  if (node_name_) node_name_->forget();
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
  if (connection.bytes[other].used() != 0) connection.reset[other].store(true, std::memory_order_release);
  connection.write_ended[mine.end].store(true, std::memory_order_release);
  connection.read_ended[mine.end].store(true, std::memory_order_release);
  connection.notify(other, kPollAny);
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
  SpinGuard guard(lock_);
  if (name_.size == 0 || state_ == State::kConnected) return Errno::kEINVAL;
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

Result<void> UnixSocket::connect_to(UnixSocket& listener) {
  switch (state()) {
    case State::kConnected: return Errno::kEISCONN;
    case State::kListening: return Errno::kEINVAL;
    case State::kUnconnected: break;
  }
  RefPtr<UnixConnection> connection = TRY(make_ref<UnixConnection>());
  RefPtr<UnixSocket> server = TRY(make_ref<UnixSocket>(0u));
  TRY(server->set_name(TRY(listener.local_address())));
  server->attach(connection, 1);
  Result<void> result = Errno::kEAGAIN;
  auto attempt = [&] {
    result = listener.try_enqueue(server);
    return result.ok() || result.error() != Errno::kEAGAIN;
  };
  if (non_blocking()) {
    attempt();
  } else if (wait_until(listener.room_, time_limit(send_limit_), Interruptible::kYes, attempt) ==
             WakeReason::kInterrupted) {
    return Errno::kRestart;
  }
  TRY(std::move(result));
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
  if (!attempt()) {
    if (non_blocking()) return Errno::kEAGAIN;
    switch (wait_until(readiness(), time_limit(receive_limit_), Interruptible::kYes, attempt)) {
      case WakeReason::kWoken: break;
      case WakeReason::kTimedOut: return Errno::kEAGAIN;
      case WakeReason::kInterrupted: return Errno::kRestart;
    }
  }
  if (!listening) return Errno::kEINVAL;
  accepted->set_status_flags(flags);
  return RefPtr<SocketFile>(std::move(accepted));
}

// --- Names ------------------------------------------------------------------------------------------

Result<void> UnixSocket::set_name(const SocketAddress& name) {
  SpinGuard guard(lock_);
  if (name_.size != 0) return Errno::kEINVAL;
  name_ = name;
  return {};
}

bool UnixSocket::has_name() {
  SpinGuard guard(lock_);
  return name_.size != 0;
}

RefPtr<UnixSocket> UnixSocketName::socket() {
  SpinGuard guard(lock_);
  if (socket_ == nullptr || !socket_->try_add_reference()) return nullptr;
  return RefPtr<UnixSocket>::adopt(socket_);
}

void UnixSocketName::forget() {
  SpinGuard guard(lock_);
  socket_ = nullptr;
}

Result<RefPtr<UnixSocketName>> UnixSocket::name_for_node() {
  RefPtr<UnixSocketName> name = TRY(make_ref<UnixSocketName>(this));
  SpinGuard guard(lock_);
  if (!node_name_) node_name_ = name;  // two threads may bind at once: both nodes lead here
  return RefPtr<UnixSocketName>(node_name_);
}

UnixSocket* UnixSocket::find_abstract_locked(const SocketAddress& name) {
  for (UnixSocket* socket = first_abstract; socket != nullptr; socket = socket->next_abstract_) {
    if (same_name(socket->abstract_name_, name)) return socket;
  }
  return nullptr;
}

Result<void> UnixSocket::bind_abstract(const SocketAddress& name) {
  if (has_name()) return Errno::kEINVAL;
  {
    SpinGuard guard(abstract_lock);
    if (find_abstract_locked(name) != nullptr) return Errno::kEADDRINUSE;
    if (is_abstract_) return Errno::kEINVAL;  // another thread was faster
    abstract_name_ = name;
    is_abstract_ = true;
    next_abstract_ = first_abstract;
    first_abstract = this;
  }
  return set_name(name);
}

RefPtr<UnixSocket> UnixSocket::find_abstract(const SocketAddress& name) {
  SpinGuard guard(abstract_lock);
  UnixSocket* found = find_abstract_locked(name);
  if (found == nullptr || !found->try_add_reference()) return nullptr;
  return RefPtr<UnixSocket>::adopt(found);
}

void UnixSocket::forget_abstract_name() {
  SpinGuard guard(abstract_lock);
  if (!is_abstract_) return;
  UnixSocket** link = &first_abstract;
  while (*link != this) link = &(*link)->next_abstract_;
  *link = next_abstract_;
  is_abstract_ = false;
}

Result<SocketAddress> UnixSocket::local_address() {
  SpinGuard guard(lock_);
  if (name_.size != 0) return name_;
  SocketAddress unnamed;
  unnamed.bytes[0] = kFamilyUnix;
  unnamed.size = 2;
  return unnamed;
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

}  // namespace mokapot
