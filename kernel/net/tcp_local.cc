// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_local.h"

#include <algorithm>

#include "net/buffers.h"
#include "net/stack_memory.h"

#include "lwip/opt.h"

namespace mokapot {
namespace {

// Linux's loopback: an MTU of 65536 less the headers.
constexpr std::uint32_t kSegmentSize = 65483;

// What each side may have queued unless the application says otherwise.
std::size_t usual_limit() { return std::max<std::size_t>(TCP_SND_BUF / 2, kLeastHeld); }

}  // namespace

Result<LocalTcpEndpoint::Pair> LocalTcpEndpoint::create(const InetEndpoint& client, const InetEndpoint& server) {
  Pair pair;
  pair.client = TRY(make_ref<LocalTcpEndpoint>(client, server, TcpState::kSynSent));
  pair.server = TRY(make_ref<LocalTcpEndpoint>(server, client, TcpState::kSynReceived));
  {
    SpinGuard guard(pair.client->lock_);
    pair.client->peer_ = pair.server;
  }
  SpinGuard guard(pair.server->lock_);
  pair.server->peer_ = pair.client;
  return pair;
}

RefPtr<LocalTcpEndpoint> LocalTcpEndpoint::peer() {
  SpinGuard guard(lock_);
  return peer_;
}

bool LocalTcpEndpoint::complete() {
  RefPtr<LocalTcpEndpoint> client = peer();
  if (!client || client->state() != TcpState::kSynSent) return false;
  establish();
  client->establish();
  return true;
}

void LocalTcpEndpoint::apply(const TcpSettings& settings) {
  send_limit_.store(settings.send_limit != 0 ? settings.send_limit : usual_limit(), std::memory_order_relaxed);
  receive_limit_.store(settings.receive_limit != 0 ? settings.receive_limit : usual_limit(), std::memory_order_relaxed);
}

std::size_t LocalTcpEndpoint::capacity(const LocalTcpEndpoint& peer) const {
  const std::size_t most = send_limit_.load(std::memory_order_relaxed) + peer.receive_limit_.load(std::memory_order_relaxed);
  return most > kLeastHeld && !connections_may_hold_more() ? kLeastHeld : most;
}

std::size_t LocalTcpEndpoint::room() {
  RefPtr<LocalTcpEndpoint> to = peer();
  if (!to) return 0;
  const std::size_t most = capacity(*to), used = to->received();
  return used < most ? most - used : 0;
}

bool LocalTcpEndpoint::is_writable() {
  RefPtr<LocalTcpEndpoint> to = peer();
  return to && to->received() <= capacity(*to) / 3 * 2;
}

void LocalTcpEndpoint::want_room() {
  if (RefPtr<LocalTcpEndpoint> to = peer()) to->peer_wants_room_.store(true, std::memory_order_seq_cst);
}

void LocalTcpEndpoint::consumed(std::size_t) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!peer_wants_room_.load(std::memory_order_relaxed)) return;
  if (RefPtr<LocalTcpEndpoint> from = peer()) from->announce_room(peer_wants_room_);
}

Result<pbuf*> LocalTcpEndpoint::transmit(pbuf* data, More) {
  RefPtr<LocalTcpEndpoint> to = peer();
  if (to && to->append(data, Announce::kNow)) return nullptr;
  free_buffers(data);
  // Nobody is there any more: the peer's system answers with a reset, which comes after this call.
  take_reset();
  return nullptr;
}

void LocalTcpEndpoint::transmit_urgent(std::uint8_t byte) {
  RefPtr<LocalTcpEndpoint> to = peer();
  if (!to) return;
  if (!to->out_of_band_inline()) return to->set_urgent(byte);
  IoBuffer one(&byte, 1);
  Result<pbuf*> data = buffer_from(one, 1);
  if (data.ok() && !to->append(data.value(), Announce::kNow)) {
    free_buffers(data.value());
    take_reset();
  }
}

void LocalTcpEndpoint::end_sending() {
  RefPtr<LocalTcpEndpoint> to;
  {
    SpinGuard guard(lock_);
    if ((ended_.fetch_or(kSendEnded, std::memory_order_acq_rel) & kSendEnded) != 0) return;
    // The acknowledgement of the FIN comes at once.
    if (state() == TcpState::kCloseWait) {
      state_.store(TcpState::kClosed, std::memory_order_release);
    } else if (state() != TcpState::kClosed) {
      state_.store(TcpState::kFinWait2, std::memory_order_release);
    }
    to = peer_;
  }
  if (to) to->take_fin();
  notify(kPollAny);
}

void LocalTcpEndpoint::close(Close how) {
  const bool loses_data = received() != 0;
  RefPtr<LocalTcpEndpoint> to;
  const TcpState before = state();
  if (how == Close::kOrderly && !loses_data && before != TcpState::kSynSent && before != TcpState::kSynReceived) {
    end_sending();
  }
  {
    SpinGuard guard(lock_);
    to = std::move(peer_);
    state_.store(TcpState::kClosed, std::memory_order_release);
  }
  detach();
  if (!to) return;
  if (before == TcpState::kSynReceived || loses_data || how == Close::kReset) {
    to->take_reset();
  } else {
    // A writer that waits for room will find nobody to wait for.
    to->announce_room(peer_wants_room_);
  }
}

TcpFigures LocalTcpEndpoint::figures() {
  TcpFigures figures;
  figures.send_mss = figures.receive_mss = kSegmentSize;
  figures.round_trip_us = 20;
  figures.round_trip_variance_us = 10;
  figures.retransmit_us = 200'000;
  figures.congestion_window = 10;
  figures.slow_start_threshold = INT32_MAX;
  figures.send_window = figures.receive_window = 65536;
  figures.send_scale = figures.receive_scale = 7;
  figures.timestamps = figures.selective_acks = figures.scaling = true;
  return figures;
}

}  // namespace mokapot
