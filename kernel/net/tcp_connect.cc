// SPDX-License-Identifier: Apache-2.0
//
// Binding, connecting and disconnecting of TCP sockets, as Linux's inet_stream_connect and inet_bind do it.
#include "net/interfaces.h"
#include "net/tcp_local.h"
#include "net/tcp_socket.h"
#include "net/tcp_stack.h"

namespace mokapot {
namespace {

// A connection attempt that is not answered ends here: Linux's six retries of a SYN.
constexpr Duration kPatience = Duration::seconds(127);

bool is_connecting(TcpState state) { return state == TcpState::kSynSent || state == TcpState::kSynReceived; }

}  // namespace

Result<void> TcpSocket::claim(const InetEndpoint& local) { return claim_port(InetProtocol::kTcp, holder_, claim_for(local)); }

Result<void> TcpSocket::bind(const SocketAddress& address) {
  const InetEndpoint local = TRY(parse_bind_address(address));
  if (has_port() || endpoint()) return Errno::kEINVAL;
  TRY(claim(local));
  SpinGuard guard(lock_);
  bound_port_ = local.port != 0;
  bound_address_ = !local.address.is_any();
  return {};
}

Errno TcpSocket::take_error() {
  const RefPtr<TcpEndpoint> connection = endpoint();
  return connection ? connection->take_error() : Errno{};
}

void TcpSocket::adopt(RefPtr<TcpEndpoint> connection, Phase phase) {
  connection->set_out_of_band_inline(options_.on(Option::kOutOfBandInline));
  connection->apply(settings());
  connection->attach(*this);
  SpinGuard guard(lock_);
  endpoint_ = std::move(connection);
  phase_ = phase;
}

// Gives the connection up, and the port unless bind(2) chose it.
void TcpSocket::forget_connection() {
  RefPtr<TcpEndpoint> connection;
  bool keeps_port = false;
  {
    SpinGuard guard(lock_);
    connection = std::move(endpoint_);
    phase_ = Phase::kUnconnected;
    keeps_port = bound_port_;
  }
  if (connection) connection->close(TcpEndpoint::Close::kReset);
  if (!keeps_port) {
    release_port(InetProtocol::kTcp, holder_);
    SpinGuard guard(lock_);
    bound_address_ = false;
  }
}

// connect(2) with AF_UNSPEC: back to what a fresh socket is.
Result<void> TcpSocket::disconnect() {
  if (is_listening()) stop_listening();
  forget_connection();
  notify();
  return {};
}

Result<void> TcpSocket::connect(const SocketAddress& address) {
  if (address.size < 2) return Errno::kEINVAL;
  if (address.family() == kFamilyUnspecified) return disconnect();
  Phase phase;
  {
    SpinGuard guard(lock_);
    phase = phase_;
  }
  if (phase == Phase::kConnected || is_listening()) return Errno::kEISCONN;
  if (phase == Phase::kConnecting) return finish_connect(Errno::kEALREADY);
  InetEndpoint to = TRY(parse_inet_address(address, family_));
  if (to.address.is_v4() && v6_only() == V6Only::kYes) return Errno::kENETUNREACH;
  TRY(begin_connect(to));
  return finish_connect(Errno::kEINPROGRESS);
}

Result<void> TcpSocket::begin_connect(const InetEndpoint& given) {
  InetEndpoint to = given;
  // "This host": loopback, as on Linux.
  if (to.address.is_any()) to.address = InetAddress::loopback(to.address.family());
  if (to.address.is_multicast() || to.address.is_broadcast()) return Errno::kENETUNREACH;
  if (to.address.needs_scope() && to.scope == 0 && bound_interface() == 0) return Errno::kEINVAL;
  const Route route = TRY(route_to(to.address, to.scope, bound_interface()));
  InetEndpoint from = port_of(holder_);
  const bool had_port = from.port != 0;
  if (!had_port) {
    from = {route.source, 0, to.scope};
    TRY(claim(from));
    from = port_of(holder_);
  } else if (from.address.is_any()) {
    from.address = route.source;
    set_port_addresses(holder_, from.address, {});
  } else if (from.address.is_v4() != to.address.is_v4()) {
    return Errno::kENETUNREACH;
  }
  mark_connected(holder_);
  Result<void> begun = {};
  if (is_local_address(to.address)) {
    begun = connect_locally(from, to);
  } else {
    Result<RefPtr<StackTcpEndpoint>> made = StackTcpEndpoint::connect(from, to, settings(), bound_interface());
    if (made.ok()) {
      adopt(made.take(), Phase::kConnecting);
    } else {
      begun = made.error();
    }
  }
  if (!begun.ok() && !had_port) release_port(InetProtocol::kTcp, holder_);
  return begun;
}

Result<void> TcpSocket::connect_locally(const InetEndpoint& from, const InetEndpoint& to) {
  LocalTcpEndpoint::Pair pair = TRY(LocalTcpEndpoint::create(from, to));
  RefPtr<TcpEndpoint> server = pair.server;
  pair.server->apply(settings());  // until it is accepted; then its socket's hold
  adopt(pair.client, Phase::kConnecting);
  struct Attempt {
    RefPtr<TcpEndpoint>& server;
    bool taken = false;
  } attempt{server};
  visit_listener(to, from, [](InetSocket& listener, void* context) {
    auto& call = *static_cast<Attempt*>(context);
    call.taken = static_cast<TcpSocket&>(listener).enqueue(call.server, Backlog::kMayWait);
  }, &attempt);
  // Nobody listens: the end that would have been the server's answers with a reset.
  if (!attempt.taken) server->close(TcpEndpoint::Close::kReset);
  return {};
}

// Waits for a connection that has begun, unless the socket is non-blocking: then `pending`, while it is not decided.
Result<void> TcpSocket::finish_connect(Errno pending) {
  const RefPtr<TcpEndpoint> connection = endpoint();
  if (!connection) return Errno::kEINVAL;  // another thread has taken it apart
  // What is decided at once is still reported later, as on Linux, where the answer is processed after the call.
  const bool fresh = pending == Errno::kEINPROGRESS;
  if (non_blocking() && (fresh || is_connecting(connection->state()))) return pending;
  if (is_connecting(connection->state())) {
    const Instant limit = send_deadline(), patience = now() + kPatience;
    switch (wait_until(readiness(), std::min(limit, patience), Interruptible::kYes,
                       [&] { return !is_connecting(connection->state()); })) {
      case WakeReason::kWoken: break;
      case WakeReason::kInterrupted: return send_interrupted();
      case WakeReason::kTimedOut:
        if (limit <= patience) return pending;
        forget_connection();
        return Errno::kETIMEDOUT;
    }
  }
  // Data may have come and the connection ended since: it was made all the same.
  const bool failed = connection->state() == TcpState::kClosed &&
                      (connection->has_error() || !connection->peer_finished());
  if (failed) {
    const Errno error = connection->take_error();
    forget_connection();
    return error != Errno{} ? error : Errno::kECONNABORTED;
  }
  SpinGuard guard(lock_);
  phase_ = Phase::kConnected;
  return {};
}

}  // namespace mokapot
