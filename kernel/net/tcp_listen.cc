// SPDX-License-Identifier: Apache-2.0
//
// Listening TCP sockets: the queue of connections, accept, and the end of a listener.
#include <algorithm>

#include "net/exposed_ports.h"
#include "net/listen_report.h"
#include "net/tcp_socket.h"
#include "net/tcp_stack.h"

namespace mokapot {
namespace {

constexpr unsigned kMostBacklog = 4096;  // net.core.somaxconn

}  // namespace

Result<void> TcpSocket::listen(int backlog) {
  // A negative or huge backlog means the most there is.
  const std::size_t most = std::min(static_cast<unsigned>(backlog), kMostBacklog);
  {
    SpinGuard guard(lock_);
    if (listener_) {
      listener_->backlog = most;
      return {};
    }
    if (endpoint_) return Errno::kEINVAL;
  }
  if (!has_port()) TRY(claim({InetAddress::any(family_), 0, 0}));
  auto listener = TRY(make_unique_or_error<Listener>());
  listener->backlog = most;
  TRY(mark_listening(holder_));
  const InetEndpoint local = port_of(holder_);
  const bool inside = local.address.is_loopback();
  if (!inside || (local.address == InetAddress::loopback(local.address.family()) && is_exposed(local.port))) {
    Result<RefPtr<StackListener>> stack = StackListener::open(local, v6_only(), bound_interface());
    if (!stack.ok()) {
      unmark_listening(holder_);
      return stack.error();
    }
    listener->stack = stack.take();
  }
  {
    SpinGuard guard(lock_);
    if (listener_) return {};  // another thread was faster
    listener_ = std::move(listener);
    listening_.store(true, std::memory_order_release);
  }
  report_listening(ListenEvent::kBegins, InetProtocol::kTcp, local, v6_only());
  return {};
}

bool TcpSocket::enqueue(RefPtr<TcpEndpoint>& connection, Backlog backlog) {
  {
    SpinGuard guard(lock_);
    if (!listener_) return false;
    if (listener_->accepted_count > listener_->backlog) {
      if (backlog == Backlog::kBounded) return false;
      listener_->waiting.push_back(*connection.release());
      return true;
    }
    ++listener_->accepted_count;
  }
  const bool alive = connection->complete();
  {
    SpinGuard guard(lock_);
    if (!listener_) return false;
    if (alive) {
      listener_->accepted.push_back(*connection.release());
    } else {
      --listener_->accepted_count;
    }
  }
  notify(kPollReadable);
  return true;
}

bool TcpSocket::has_backlog() {
  SpinGuard guard(lock_);
  return listener_ && listener_->accepted_count <= listener_->backlog;
}

// The next connection, and one that waited into its place.
bool TcpSocket::take_pending(RefPtr<TcpEndpoint>& taken) {
  RefPtr<TcpEndpoint> promoted;
  {
    SpinGuard guard(lock_);
    if (!listener_ || listener_->accepted.empty()) return false;
    taken = RefPtr<TcpEndpoint>::adopt(&listener_->accepted.front());
    listener_->accepted.pop_front();
    --listener_->accepted_count;
    if (!listener_->waiting.empty()) {
      promoted = RefPtr<TcpEndpoint>::adopt(&listener_->waiting.front());
      listener_->waiting.pop_front();
    }
  }
  if (promoted && !enqueue(promoted, Backlog::kMayWait)) promoted->close(TcpEndpoint::Close::kReset);
  return true;
}

Result<RefPtr<SocketFile>> TcpSocket::accept(std::uint32_t flags) {
  if (!is_listening()) return Errno::kEINVAL;
  RefPtr<TcpEndpoint> connection;
  auto attempt = [&] { return take_pending(connection) || !is_listening(); };
  if (!attempt()) {
    if (non_blocking()) return Errno::kEAGAIN;
    switch (wait_until(readiness(), receive_deadline(), Interruptible::kYes, attempt)) {
      case WakeReason::kWoken: break;
      case WakeReason::kTimedOut: return Errno::kEAGAIN;
      case WakeReason::kInterrupted: return receive_interrupted();
    }
  }
  if (!connection) return Errno::kEINVAL;
  Result<RefPtr<TcpSocket>> made = make_ref<TcpSocket>(family_, flags);
  if (!made.ok()) {
    connection->close(TcpEndpoint::Close::kReset);
    return made.error();
  }
  RefPtr<TcpSocket> socket = made.take();
  socket->inherit_options(*this);
  socket->window_clamp_.store(window_clamp_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  share_port(socket->holder_, connection->local);
  socket->adopt(std::move(connection), Phase::kConnected);
  return RefPtr<SocketFile>(std::move(socket));
}

// Ends what was not accepted, as a reset.
void TcpSocket::stop_listening() {
  std::unique_ptr<Listener> listener;
  bool keeps_port = false;
  {
    SpinGuard guard(lock_);
    if (!listener_) return;
    listener = std::move(listener_);
    listening_.store(false, std::memory_order_release);
    keeps_port = bound_port_;
  }
  const InetEndpoint local = port_of(holder_);
  unmark_listening(holder_);
  listener->stack = nullptr;
  for (EndpointQueue* queue : {&listener->accepted, &listener->waiting}) {
    while (!queue->empty()) {
      RefPtr<TcpEndpoint> refused = RefPtr<TcpEndpoint>::adopt(&queue->front());
      queue->pop_front();
      refused->close(TcpEndpoint::Close::kReset);
    }
  }
  report_listening(ListenEvent::kEnds, InetProtocol::kTcp, local, v6_only());
  if (!keeps_port) release_port(InetProtocol::kTcp, holder_);
}

}  // namespace mokapot
