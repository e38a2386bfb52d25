// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_stack.h"

#include <algorithm>

#include "net/buffers.h"
#include "net/cited_buffer.h"
#include "net/lwip_address.h"
#include "net/stack_memory.h"
#include "time/clock.h"

#include "lwip/priv/tcp_priv.h"

namespace mokapot {
namespace {

// The part of the window that may stay closed after its bytes were read, so that small reads do not each take the
// core lock.
constexpr std::uint32_t kWindowParts = 8;

constinit u8_t extension_id = 0;

StackTcpEndpoint& endpoint_of(void* argument) { return *static_cast<StackTcpEndpoint*>(argument); }

}  // namespace

const tcp_ext_arg_callbacks StackTcpEndpoint::kExtension = {&StackTcpEndpoint::on_freed, nullptr};
constexpr tcp_ext_arg_callbacks kNoExtension = {nullptr, nullptr};

void StackTcpEndpoint::initialise() { extension_id = tcp_ext_arg_alloc_id(); }

StackTcpEndpoint::~StackTcpEndpoint() NO_THREAD_SAFETY_ANALYSIS { free_buffers(sent_first_); }

void StackTcpEndpoint::take_over(tcp_pcb& pcb) {
  pcb_ = &pcb;
  add_reference();  // the control block's, until on_freed()
  tcp_arg(&pcb, this);
  tcp_recv(&pcb, &on_received);
  tcp_sent(&pcb, &on_sent);
  tcp_err(&pcb, &on_error);
  tcp_ext_arg_set(&pcb, extension_id, this);
  tcp_ext_arg_set_callbacks(&pcb, extension_id, &kExtension);
  update_limit();
}

void StackTcpEndpoint::give_back() {
  tcp_arg(pcb_, nullptr);
  tcp_recv(pcb_, nullptr);
  tcp_sent(pcb_, nullptr);
  tcp_err(pcb_, nullptr);
  tcp_ext_arg_set_callbacks(pcb_, extension_id, &kNoExtension);
  pcb_ = nullptr;
  drop_reference();
}

Result<RefPtr<StackTcpEndpoint>> StackTcpEndpoint::accepted(tcp_pcb& pcb) {
  const InetEndpoint local{from_lwip(pcb.local_ip), pcb.local_port, scope_of(pcb.local_ip)};
  const InetEndpoint remote{from_lwip(pcb.remote_ip), pcb.remote_port, scope_of(pcb.remote_ip)};
  RefPtr<StackTcpEndpoint> endpoint = TRY(make_ref<StackTcpEndpoint>(local, remote, TcpState::kEstablished));
  endpoint->take_over(pcb);
  return endpoint;
}

Result<RefPtr<StackTcpEndpoint>> StackTcpEndpoint::connect(const InetEndpoint& from, const InetEndpoint& to,
                                                           const TcpSettings& settings, std::uint32_t interface) {
  RefPtr<StackTcpEndpoint> endpoint = TRY(make_ref<StackTcpEndpoint>(from, to, TcpState::kSynSent));
  const NetCoreGuard core;
  tcp_pcb* pcb = tcp_new_ip_type(to.address.is_v4() ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  if (pcb == nullptr) return Errno::kENOBUFS;
  // Who may have which port is the port table's business.
  ip_set_option(pcb, SOF_REUSEADDR);
  const ip_addr_t local_ip = to_lwip(from.address, from.scope), remote_ip = to_lwip(to.address, to.scope);
  err_t error = tcp_bind(pcb, &local_ip, from.port);
  if (error == ERR_OK && interface != 0) tcp_bind_netif(pcb, netif_get_by_index(static_cast<u8_t>(interface)));
  if (error == ERR_OK) {
    endpoint->take_over(*pcb);
    endpoint->apply_locked(settings);
    error = tcp_connect(pcb, &remote_ip, to.port, &on_connected);
    if (error != ERR_OK) endpoint->give_back();
  }
  if (error != ERR_OK) {
    tcp_abandon(pcb, 0);
    return error == ERR_USE ? Errno::kEADDRNOTAVAIL : errno_of(error);
  }
  return endpoint;
}

// --- lwIP's side --------------------------------------------------------------------------------------

err_t StackTcpEndpoint::on_connected(void* self, tcp_pcb*, err_t) {
  endpoint_of(self).update_limit();
  endpoint_of(self).establish();
  return ERR_OK;
}

err_t StackTcpEndpoint::on_received(void* self, tcp_pcb* pcb, pbuf* data, err_t) {
  StackTcpEndpoint& endpoint = endpoint_of(self);
  if (data != nullptr) {
    // lwIP keeps it, takes no more, and asks again.
    if (endpoint.received() > kLeastHeld && !connections_may_hold_more()) return ERR_MEM;
    endpoint.bytes_received_ += data->tot_len;
    ++endpoint.pieces_received_;
    endpoint.last_received_ = now();
    if (!endpoint.append(data, Announce::kLater)) {
      pbuf_free(data);
      return ERR_OK;
    }
    // Once for a whole batch, and a reader that wakes finds all of it.
    endpoint.has_news_ = true;
    if (!endpoint.is_posted_.exchange(true, std::memory_order_acq_rel)) {
      endpoint.add_reference();
      run_after_batch(endpoint);
    }
    return ERR_OK;
  }
  // lwIP has gone on already: in TIME_WAIT our FIN was acknowledged before theirs came.
  if (pcb->state == TIME_WAIT) endpoint.end_orderly();
  endpoint.take_fin();
  return ERR_OK;
}

err_t StackTcpEndpoint::on_sent(void* self, tcp_pcb*, u16_t bytes) {
  StackTcpEndpoint& endpoint = endpoint_of(self);
  endpoint.free_acknowledged(bytes);
  endpoint.stalled_.store(false, std::memory_order_relaxed);
  endpoint.update_limit();
  endpoint.announce_room(endpoint.wants_room_);
  if (endpoint.queued_.load() == 0 && endpoint.wants_drained_.load()) endpoint.notify(kPollAny);
  return ERR_OK;
}

// What TCP_CORK has held back goes out after a while all the same.
err_t StackTcpEndpoint::on_poll(void*, tcp_pcb* pcb) {
  tcp_poll(pcb, nullptr, 0);
  tcp_clear_flags(pcb, TF_MORE);
  tcp_output(pcb);
  return ERR_OK;
}

void StackTcpEndpoint::on_error(void* self, err_t error) {
  StackTcpEndpoint& endpoint = endpoint_of(self);
  switch (error) {
    case ERR_RST: return endpoint.take_reset();
    case ERR_CLSD: return endpoint.end_orderly();  // both sides have said good-bye
    default: return endpoint.fail(Errno::kETIMEDOUT);
  }
}

void StackTcpEndpoint::on_freed(u8_t, void* self) {
  StackTcpEndpoint& endpoint = endpoint_of(self);
  endpoint.pcb_ = nullptr;
  endpoint.free_acknowledged(endpoint.queued_.load());
  endpoint.drop_reference();
}

void StackTcpEndpoint::end_orderly() {
  SpinGuard guard(lock_);
  ended_.store(kBothEnded, std::memory_order_release);
  state_.store(TcpState::kClosed, std::memory_order_release);
}

void StackTcpEndpoint::free_acknowledged(std::size_t bytes) {
  queued_.fetch_sub(std::min(bytes, queued_.load()), std::memory_order_release);
  bytes += sent_offset_;
  while (sent_first_ != nullptr && bytes >= sent_first_->len) {
    bytes -= sent_first_->len;
    pbuf* done = sent_first_;
    sent_first_ = std::exchange(done->next, nullptr);
    pbuf_free(done);
  }
  if (sent_first_ == nullptr) sent_last_ = nullptr;
  sent_offset_ = sent_first_ != nullptr ? bytes : 0;
}

// --- The socket's side ----------------------------------------------------------------------------------

void StackTcpEndpoint::update_limit() {
  std::size_t most = wanted_limit_;
  if (most == 0) {
    // Without SO_SNDBUF: twice the window that is in use.
    const std::size_t in_use = pcb_ != nullptr ? std::min(pcb_->cwnd, pcb_->snd_wnd) : 0;
    most = std::max(2 * in_use, kLeastHeld);
    if (most > kLeastHeld && !connections_may_hold_more()) most = kLeastHeld;
  }
  // Without window scaling the window is a small part of what we would give.
  if (pcb_ != nullptr) window_step_.store(TCP_WND_MAX(pcb_) / kWindowParts, std::memory_order_relaxed);
  limit_.store(std::min<std::size_t>(most, TCP_SND_BUF), std::memory_order_relaxed);
}

std::size_t StackTcpEndpoint::room() {
  if (stalled_.load(std::memory_order_relaxed)) return 0;
  const std::size_t used = unsent(), most = limit();
  return used < most ? most - used : 0;
}

bool StackTcpEndpoint::is_writable() { return !stalled_.load(std::memory_order_relaxed) && unsent() <= limit() / 3 * 2; }

bool StackTcpEndpoint::is_drained() {
  return unsent() == 0 || has_error() || state() == TcpState::kClosed;
}

Result<pbuf*> StackTcpEndpoint::transmit(pbuf* data, More more) {
  const NetCoreGuard core;
  if (pcb_ == nullptr) {  // the caller finds out why when it looks again
    free_buffers(data);
    return nullptr;
  }
  const pbuf* const first = data;
  while (data != nullptr) {
    const u8_t flags = more == More::kYes || data->next != nullptr ? TCP_WRITE_FLAG_MORE : 0;
    const err_t error = tcp_write_buffer(*pcb_, *data, flags);
    if (error == ERR_MEM && queued_.load() != 0) {
      stalled_.store(true, std::memory_order_relaxed);
      more = More::kNo;
      break;
    }
    if (error != ERR_OK && data == first) return error == ERR_MEM ? Errno::kENOBUFS : Errno::kEPIPE;
    if (error != ERR_OK) break;
    pbuf* taken = std::exchange(data, data->next);
    taken->next = nullptr;
    (sent_last_ != nullptr ? sent_last_->next : sent_first_) = taken;
    sent_last_ = taken;
    queued_.fetch_add(taken->len, std::memory_order_release);
  }
  output(more);
  return data;
}

// Held-back bytes wait for a full packet.
void StackTcpEndpoint::output(More more) {
  if (more == More::kNo) {
    tcp_clear_flags(pcb_, TF_MORE);
  } else {
    tcp_set_flags(pcb_, TF_MORE);
    tcp_poll(pcb_, &on_poll, 1);
  }
  tcp_output(pcb_);
}

// lwIP knows no urgent pointer: the byte goes along with the others, as a receiver with SO_OOBINLINE has it.
void StackTcpEndpoint::transmit_urgent(std::uint8_t byte) {
  IoBuffer one(&byte, 1);
  Result<pbuf*> data = buffer_from(one, 1);
  if (!data.ok()) return;
  const Result<pbuf*> refused = transmit(data.value(), More::kNo);
  free_buffers(refused.ok() ? refused.value() : data.value());
}

std::size_t StackTcpEndpoint::never_sent() {
  const NetCoreGuard core;
  // Sequence numbers; a FIN that waits is one, too, and no byte.
  if (pcb_ == nullptr || unsent() == 0) return 0;
  return std::min<std::size_t>(pcb_->snd_lbb - pcb_->snd_nxt, unsent());
}

void StackTcpEndpoint::push(Nagle nagle) {
  const NetCoreGuard core;
  if (pcb_ == nullptr) return;
  tcp_clear_flags(pcb_, TF_MORE);
  const bool without_nagle = nagle == Nagle::kPassed && (pcb_->flags & TF_NODELAY) == 0;
  if (without_nagle) tcp_set_flags(pcb_, TF_NODELAY);
  tcp_output(pcb_);
  if (without_nagle) tcp_clear_flags(pcb_, TF_NODELAY);
}

void StackTcpEndpoint::end_sending() {
  const NetCoreGuard core;
  {
    SpinGuard guard(lock_);
    if ((ended_.fetch_or(kSendEnded, std::memory_order_acq_rel) & kSendEnded) != 0) return;
    if (state() == TcpState::kEstablished) state_.store(TcpState::kFinWait1, std::memory_order_release);
    if (state() == TcpState::kCloseWait) state_.store(TcpState::kLastAck, std::memory_order_release);
  }
  if (pcb_ != nullptr) tcp_shutdown(pcb_, 0, 1);
  notify(kPollAny);
}

void StackTcpEndpoint::apply(const TcpSettings& settings) {
  const NetCoreGuard core;
  apply_locked(settings);
}

// Without a limit of the application's the window is the stack's. Linux counts half of SO_RCVBUF, which it has doubled,
// for its own records.
void StackTcpEndpoint::limit_window(tcp_pcb& pcb, const TcpSettings& settings) {
  const std::uint32_t before = TCP_WND_MAX(&pcb);
  std::uint32_t limit = static_cast<std::uint32_t>(settings.receive_limit / 2);
  if (settings.window_clamp != 0 && (limit == 0 || settings.window_clamp < limit)) limit = settings.window_clamp;
  pcb.rcv_wnd_limit = limit;
  const std::uint32_t after = TCP_WND_MAX(&pcb);
  if (pcb.state == SYN_RCVD) {  // nothing has been announced yet
    pcb.rcv_wnd = pcb.rcv_ann_wnd = std::min(pcb.rcv_wnd, after);
    return;
  }
  if (pcb.state < ESTABLISHED || pcb.state > CLOSE_WAIT || after <= before) return;
  pcb.rcv_wnd = std::max(pcb.rcv_wnd, after - (before - std::min(before, pcb.rcv_wnd)));
  if (tcp_update_rcv_ann_wnd(&pcb) == 0) return;
  tcp_ack_now(&pcb);
  tcp_output(&pcb);
}

void StackTcpEndpoint::apply_locked(const TcpSettings& settings) {
  wanted_limit_ = settings.send_limit;
  update_limit();
  if (pcb_ == nullptr) return;
  if (settings.no_delay) tcp_nagle_disable(pcb_);
  if (!settings.no_delay) tcp_nagle_enable(pcb_);
  if (settings.keep_alive) ip_set_option(pcb_, SOF_KEEPALIVE);
  if (!settings.keep_alive) ip_reset_option(pcb_, SOF_KEEPALIVE);
  pcb_->keep_idle = settings.keep_idle_s * 1000;
  pcb_->keep_intvl = settings.keep_interval_s * 1000;
  pcb_->keep_cnt = settings.keep_count;
  pcb_->recovery.user_timeout_ms = settings.user_timeout_ms;
  limit_window(*pcb_, settings);
  window_step_.store(TCP_WND_MAX(pcb_) / kWindowParts, std::memory_order_relaxed);
  pcb_->tos = settings.type_of_service;
  pcb_->ttl = settings.time_to_live;
}

void StackTcpEndpoint::consumed(std::size_t bytes) {
  const std::size_t closed = unreturned_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (closed < window_step_.load(std::memory_order_relaxed)) return;
  // Acquire-release: bytes counted before a post that is found here are seen when that post runs.
  if (is_posted_.exchange(true, std::memory_order_acq_rel)) return;
  add_reference();
  run_in_net_core(*this);
}

void StackTcpEndpoint::run_in_core() {
  // First: bytes that are read from here on post again.
  is_posted_.exchange(false, std::memory_order_acq_rel);
  if (unreturned_.load(std::memory_order_relaxed) >= window_step_.load(std::memory_order_relaxed)) return_window();
  if (std::exchange(has_news_, false)) notify(kPollReadable);
  drop_reference();
}

void StackTcpEndpoint::return_window() {
  std::size_t bytes = unreturned_.exchange(0, std::memory_order_relaxed);
  while (pcb_ != nullptr && bytes != 0) {
    const std::size_t step = std::min<std::size_t>(bytes, 0xffff);
    tcp_recved(pcb_, static_cast<u16_t>(step));
    bytes -= step;
  }
}

void StackTcpEndpoint::close(Close how) {
  {
    const NetCoreGuard core;
    if (pcb_ != nullptr) {
      tcp_pcb* pcb = pcb_;
      tcp_err(pcb, nullptr);
      tcp_recv(pcb, nullptr);
      return_window();
      if (pcb->state != SYN_SENT && (how == Close::kReset || received() != 0)) {
        tcp_abort(pcb);
      } else {
        tcp_close(pcb);
      }
    }
    SpinGuard guard(lock_);
    state_.store(TcpState::kClosed, std::memory_order_release);
  }
  detach();
}

}  // namespace mokapot
