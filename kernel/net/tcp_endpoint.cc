// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_endpoint.h"

#include <algorithm>

#include "net/buffers.h"

namespace mokapot {

TcpEndpoint::~TcpEndpoint() { free_buffers(first_); }

void TcpEndpoint::attach(File& socket) {
  SpinGuard guard(lock_);
  socket_ = &socket;
}

void TcpEndpoint::detach() {
  pbuf* unread = nullptr;
  {
    SpinGuard guard(lock_);
    socket_ = nullptr;
    closed_ = true;
    unread = std::exchange(first_, nullptr);
    last_ = nullptr;
    received_.store(0, std::memory_order_release);
  }
  free_buffers(unread);
}

void TcpEndpoint::notify(PollEvents events) {
  SpinGuard guard(lock_);
  if (socket_ != nullptr) socket_->notify(events);
}

// --- The queue --------------------------------------------------------------------------------------

bool TcpEndpoint::append(pbuf* data, Announce announce) {
  std::uint32_t bytes = 0;
  pbuf* last = data;
  for (pbuf* at = data; at != nullptr; at = at->next) bytes += at->len, last = at;
  SpinGuard guard(lock_);
  if (closed_) return false;
  (last_ != nullptr ? last_->next : first_) = data;
  last_ = last;
  received_.fetch_add(bytes, std::memory_order_release);
  if (announce == Announce::kNow && socket_ != nullptr) socket_->notify(kPollReadable);
  return true;
}

// The pieces of memory from `skip` bytes on. They stay where they are until the one reader drops them.
std::size_t TcpEndpoint::look(std::size_t skip, std::span<Piece> pieces) {
  SpinGuard guard(lock_);
  std::size_t count = 0;
  for (const pbuf* at = first_; at != nullptr && count < pieces.size(); at = at->next) {
    if (skip >= at->len) {
      skip -= at->len;
      continue;
    }
    pieces[count++] = {static_cast<const std::byte*>(at->payload) + skip, at->len - skip};
    skip = 0;
  }
  return count;
}

void TcpEndpoint::drop_front(std::size_t bytes) {
  pbuf* done = nullptr;
  {
    SpinGuard guard(lock_);
    received_.fetch_sub(static_cast<std::uint32_t>(bytes), std::memory_order_release);
    pbuf* last_done = nullptr;
    pbuf* at = first_;
    while (at != nullptr && bytes >= at->len) {
      bytes -= at->len;
      last_done = at;
      at = at->next;
    }
    if (last_done != nullptr) {
      done = first_;
      last_done->next = nullptr;
      first_ = at;
      if (at == nullptr) last_ = nullptr;
    }
    if (bytes != 0) {
      at->payload = static_cast<std::byte*>(at->payload) + bytes;
      at->len = static_cast<u16_t>(at->len - bytes);
    }
  }
  free_buffers(done);
}

Result<std::size_t> TcpEndpoint::read(IoBuffer* into, std::size_t most, std::size_t skip, Consume consume) {
  std::size_t total = 0;
  bool fault = false;
  while (total < most && !fault) {
    Piece pieces[8];
    const std::size_t count = look(consume == Consume::kYes ? 0 : skip + total, pieces);
    if (count == 0) break;
    std::size_t moved = 0;
    for (std::size_t i = 0; i < count && total + moved < most && !fault; ++i) {
      const std::size_t wanted = std::min(pieces[i].size, most - total - moved);
      const Result<std::size_t> copied =
          into != nullptr ? into->copy_in(pieces[i].data, wanted) : Result<std::size_t>(std::size_t{wanted});
      if (copied.ok()) moved += copied.value();
      fault = !copied.ok() || copied.value() < wanted;
    }
    if (consume == Consume::kYes && moved != 0) drop_front(moved);
    total += moved;
  }
  if (consume == Consume::kYes && total != 0) consumed(total);
  if (fault && total == 0) return Errno::kEFAULT;
  return total;
}

void TcpEndpoint::set_urgent(std::uint8_t byte) {
  urgent_.store(byte, std::memory_order_release);
  notify(kPollPriority);
}

int TcpEndpoint::take_urgent(Consume consume) {
  if (consume == Consume::kNo) return urgent_byte();
  return urgent_.exchange(-1, std::memory_order_acq_rel);
}

// --- State --------------------------------------------------------------------------------------------

void TcpEndpoint::establish() {
  SpinGuard guard(lock_);
  state_.store(TcpState::kEstablished, std::memory_order_release);
  if (socket_ != nullptr) socket_->notify();
}

void TcpEndpoint::end_receiving() {
  SpinGuard guard(lock_);
  ended_.fetch_or(kReceiveEnded, std::memory_order_acq_rel);
  if (socket_ != nullptr) socket_->notify();
}

void TcpEndpoint::take_fin() {
  SpinGuard guard(lock_);
  peer_finished_.store(true, std::memory_order_release);
  ended_.fetch_or(kReceiveEnded, std::memory_order_acq_rel);
  switch (state()) {
    case TcpState::kSynReceived:
    case TcpState::kEstablished: state_.store(TcpState::kCloseWait, std::memory_order_release); break;
    case TcpState::kFinWait1: state_.store(TcpState::kClosing, std::memory_order_release); break;
    // Linux's socket is done here, and TIME_WAIT an entry of its own.
    case TcpState::kFinWait2: state_.store(TcpState::kClosed, std::memory_order_release); break;
    default: break;
  }
  if (socket_ != nullptr) socket_->notify();
}

void TcpEndpoint::fail(Errno error) {
  SpinGuard guard(lock_);
  if (state() == TcpState::kClosed) return;
  error_.store(static_cast<std::int32_t>(error), std::memory_order_release);
  ended_.store(kBothEnded, std::memory_order_release);
  state_.store(TcpState::kClosed, std::memory_order_release);
  if (socket_ != nullptr) socket_->notify();
}

void TcpEndpoint::take_reset() {
  switch (state()) {
    case TcpState::kSynSent: return fail(Errno::kECONNREFUSED);
    case TcpState::kCloseWait: return fail(Errno::kEPIPE);
    default: return fail(Errno::kECONNRESET);
  }
}

void TcpEndpoint::announce_room(std::atomic<bool>& wants_room) {
  // Orders the room that was made before the look at the mark, as want_room() orders the mark before the room.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!wants_room.load(std::memory_order_relaxed) || !is_writable()) return;
  if (wants_room.exchange(false, std::memory_order_relaxed)) notify(kPollWritable);
}

}  // namespace mokapot
