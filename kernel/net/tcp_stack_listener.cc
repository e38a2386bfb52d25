// SPDX-License-Identifier: Apache-2.0
#include "base/global.h"
#include "net/exposed_ports.h"
#include "net/lwip_address.h"
#include "net/tcp_socket.h"
#include "net/tcp_stack.h"

#include "lwip/priv/tcp_priv.h"

namespace mokapot {
namespace {

using ListenerList = IntrusiveList<StackListener, &StackListener::list_hook>;
constinit Global<ListenerList> listeners;

constexpr u8_t kHalfOpen = 0xff;  // connections whose handshake is under way

// Visits the socket that a connection from outside is for: one that listens where it arrived, or behind an exposed
// port the one on the loopback address.
bool visit_called(const InetEndpoint& to, const InetEndpoint& from, PortVisitor visit, void* context) {
  if (visit_listener(to, from, visit, context)) return true;
  if (!is_exposed(to.port)) return false;
  return visit_listener({InetAddress::loopback(to.address.family()), to.port, 0}, from, visit, context);
}

}  // namespace

void StackListener::initialise() { listeners.construct(); }

StackListener* StackListener::find(const InetEndpoint& local, V6Only v6_only) {
  for (StackListener& listener : *listeners) {
    if (listener.local_ == local && listener.v6_only_ == v6_only) return &listener;
  }
  return nullptr;
}

Result<RefPtr<StackListener>> StackListener::open(const InetEndpoint& local, V6Only v6_only, std::uint32_t interface) {
  RefPtr<StackListener> made = TRY(make_ref<StackListener>(local, v6_only));
  const NetCoreGuard core;
  StackListener* shared = find(local, v6_only);
  if (shared != nullptr && shared->try_add_reference()) return RefPtr<StackListener>::adopt(shared);
  if (shared != nullptr) shared->end();  // it dies, and waits for the core lock to do it
  // lwIP never sees what stays in the VM, so a loopback listener that is here is one to be exposed.
  const bool exposed = local.address.is_loopback();
  ip_addr_t address = to_lwip(exposed ? InetAddress::any(local.address.family()) : local.address, local.scope);
  const bool both = local.address == InetAddress() && v6_only == V6Only::kNo;
  if (both) address = *IP_ANY_TYPE;
  tcp_pcb* pcb = tcp_new_ip_type(both ? IPADDR_TYPE_ANY : local.address.is_v4() ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  if (pcb == nullptr) return Errno::kENOBUFS;
  ip_set_option(pcb, SOF_REUSEADDR);  // who may have the port is decided already
  err_t error = tcp_bind(pcb, &address, local.port);
  if (error != ERR_OK) {
    tcp_abandon(pcb, 0);
    return errno_of(error);
  }
  if (interface != 0) tcp_bind_netif(pcb, netif_get_by_index(static_cast<u8_t>(interface)));
  static const tcp_ext_arg_callbacks kExtension = {nullptr, &on_passive_open};
  tcp_ext_arg_set_callbacks(pcb, 0, &kExtension);
  tcp_pcb* listening = tcp_listen_with_backlog_and_err(pcb, kHalfOpen, &error);
  if (listening == nullptr) {
    tcp_abandon(pcb, 0);
    return errno_of(error);
  }
  tcp_arg(listening, made.get());
  tcp_accept(listening, &on_accept);
  made->pcb_ = listening;
  listeners->push_back(*made);
  return made;
}

void StackListener::end() {
  if (pcb_ == nullptr) return;
  listeners->erase(listeners->iterator_to(*this));
  tcp_close(std::exchange(pcb_, nullptr));
}

StackListener::~StackListener() {
  const NetCoreGuard core;
  end();
}

// A SYN: without room for the connection it is not answered, and the peer tries again.
err_t StackListener::on_passive_open(u8_t, tcp_pcb_listen*, tcp_pcb* pcb) {
  const InetEndpoint to{from_lwip(pcb->local_ip), pcb->local_port, 0}, from{from_lwip(pcb->remote_ip), pcb->remote_port, 0};
  struct Answer {
    bool has_room = false;
    TcpSettings settings;
  } answer;
  visit_called(to, from, [](InetSocket& socket, void* context) {
    auto& listener = static_cast<TcpSocket&>(socket);
    *static_cast<Answer*>(context) = {listener.has_backlog(), listener.settings()};
  }, &answer);
  if (!answer.has_room) return ERR_MEM;
  StackTcpEndpoint::limit_window(*pcb, answer.settings);
  return ERR_OK;
}

err_t StackListener::on_accept(void*, tcp_pcb* pcb, err_t error) {
  if (error != ERR_OK || pcb == nullptr) return ERR_VAL;
  Result<RefPtr<StackTcpEndpoint>> made = StackTcpEndpoint::accepted(*pcb);
  if (!made.ok()) return ERR_MEM;  // lwIP resets the connection
  RefPtr<StackTcpEndpoint> endpoint = made.take();
  struct Attempt {
    RefPtr<TcpEndpoint> connection;
    bool taken = false;
  } attempt{endpoint};
  visit_called(endpoint->local, endpoint->remote, [](InetSocket& socket, void* context) {
    auto& call = *static_cast<Attempt*>(context);
    call.taken = static_cast<TcpSocket&>(socket).enqueue(call.connection, TcpSocket::Backlog::kMayWait);
  }, &attempt);
  if (attempt.taken) return ERR_OK;
  endpoint->give_back();
  return ERR_VAL;
}

}  // namespace mokapot
