// SPDX-License-Identifier: Apache-2.0
#include "io/unix_datagram.h"

#include "io/terminal_requests.h"

namespace mokapot {

// --- Peers ------------------------------------------------------------------------------------------

Result<RefPtr<UnixDatagramSocket>> UnixDatagramSocket::create(std::uint32_t flags) {
  RefPtr<UnixDatagramSocket> socket = TRY(make_ref<UnixDatagramSocket>(flags));
  socket->inbox_ = TRY(make_ref<UnixInbox>(socket.get()));
  return socket;
}

UnixDatagramSocket::~UnixDatagramSocket() {
  if (!inbox_) return;  // there was no memory for it
  if (const RefPtr<UnixInbox> mine = peer()) mine->room.remove(peer_waiter_);
  inbox_->close();
}

RefPtr<UnixInbox> UnixDatagramSocket::peer() {
  SpinGuard guard(lock_);
  return peer_;
}

void UnixDatagramSocket::on_peer_room(Waiter& waiter) {
  static_cast<UnixDatagramSocket*>(waiter.context())->notify(kPollWritable | kPollWriteBand);
}

void UnixDatagramSocket::set_peer(RefPtr<UnixInbox> peer, const SocketAddress& name, const UnixInbox* only) {
  const RefPtr<UnixInbox> next = peer;
  RefPtr<UnixInbox> former;
  {
    MutexGuard mutex(peer_mutex_);
    former = this->peer();
    if (only != nullptr && former.get() != only) return;
    if (former) former->room.remove(peer_waiter_);
    if (next) next->room.add(peer_waiter_);
    inbox_->set_peer(next.get());
    SpinGuard guard(lock_);
    peer_ = std::move(peer);
    peer_name_ = name;
  }
  notify(kPollWritable | kPollWriteBand);
  if (!former || former == next || inbox_->messages.count() == 0) return;
  inbox_->messages.clear();
  inbox_->after_taking();
  // Something is lost on the way between two peers.
  if (!former->is_closed() && former->has_peer(*inbox_)) {
    former->error.store(static_cast<int>(Errno::kECONNRESET));
    former->notify(kPollAny);
  }
}

void UnixDatagramSocket::connect_pair(UnixDatagramSocket& a, UnixDatagramSocket& b) {
  a.set_peer(b.inbox_, SocketAddress());
  b.set_peer(a.inbox_, SocketAddress());
  a.paired_ = b.paired_ = true;
}

Result<void> UnixDatagramSocket::connect_to(UnixSocketBase& target) {
  auto& other = static_cast<UnixDatagramSocket&>(target);
  TRY(name_if_credentials_are_passed());
  if (!other.inbox_->accepts(*inbox_)) return Errno::kEPERM;
  set_peer(other.inbox_, TRY(other.local_address()));
  return {};
}

Result<void> UnixDatagramSocket::disconnect() {
  set_peer(nullptr, SocketAddress());
  return {};
}

Result<SocketAddress> UnixDatagramSocket::peer_address() {
  RefPtr<UnixInbox> mine;
  SocketAddress name;
  {
    SpinGuard guard(lock_);
    mine = peer_;
    name = peer_name_;
  }
  if (!mine) return Errno::kENOTCONN;
  // One of a pair may have got its name later.
  if (const RefPtr<SocketFile> owner = mine->owner()) return owner->local_address();
  if (name.size == 0) {
    name.bytes[0] = kFamilyUnix;
    name.size = 2;
  }
  return name;
}

// --- Messages ---------------------------------------------------------------------------------------

Result<std::size_t> UnixDatagramSocket::send(IoBuffer& from, const OutgoingMessage& outgoing) {
  if ((outgoing.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  const bool named = outgoing.target != nullptr;
  const RefPtr<UnixInbox> to =
      named ? static_cast<UnixDatagramSocket*>(outgoing.target)->inbox_ : peer();
  if (!to) return Errno::kENOTCONN;
  TRY(name_if_credentials_are_passed());
  const std::size_t size = from.remaining();
  if (size + kMessageNeeds > send_buffer()) return Errno::kEMSGSIZE;
  if (const std::int32_t error = take_error(); error != 0) return static_cast<Errno>(error);

  const Instant deadline = send_deadline();
  auto has_room = [&] { return inbox_->write_ended.load() || inbox_->sent() < send_buffer(); };
  if (!has_room()) TRY(wait_for(readiness(), outgoing.flags, deadline, has_room));
  if (inbox_->write_ended.load(std::memory_order_acquire)) return Errno::kEPIPE;

  RefPtr<UnixMessage> message = TRY(UnixMessage::create(from, outgoing));
  message->sender = inbox_;
  inbox_->take_up(message->charge());
  if (has_name()) message->from = TRY(local_address());
  const RefPtr<SocketFile> owner = to->owner();
  // SAFETY: inboxes belong to sockets of this class. A socket that is on its way out reads nothing.
  message->credentials = credentials_for(outgoing, static_cast<UnixDatagramSocket*>(owner.get()));
  while (true) {
    Result<void> pushed = to->push(RefPtr<UnixMessage>(message), *inbox_);
    if (pushed.ok()) return size;
    if (pushed.error() == Errno::kEAGAIN) {
      auto settled = [&] { return !to->is_full_for(*inbox_) || to->read_ended.load(std::memory_order_acquire); };
      TRY(wait_for(to->room, outgoing.flags, deadline, settled));
      continue;
    }
    // A peer that is gone is not remembered.
    if (pushed.error() == Errno::kECONNREFUSED && !named) set_peer(nullptr, SocketAddress(), to.get());
    return pushed.error();
  }
}

Result<std::size_t> UnixDatagramSocket::receive(IoBuffer& into, IncomingMessage& message) {
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  message.has_credentials = passes_credentials();
  const bool peek = (message.flags & kMessagePeek) != 0;
  RefPtr<UnixMessage> found;
  std::int32_t error = 0;
  auto attempt = [&] {
    error = take_error();
    if (error != 0) return true;
    found = peek ? inbox_->messages.first() : inbox_->messages.take();
    return static_cast<bool>(found);
  };
  auto settled = [&] { return attempt() || inbox_->read_ended.load(std::memory_order_acquire); };
  if (!attempt()) TRY(wait_for(readiness(), message.flags, receive_deadline(), settled));
  if (error != 0) return static_cast<Errno>(error);
  if (!found) return std::size_t{0};
  if (!peek) inbox_->after_taking();
  return found->deliver(into, message);
}

Result<void> UnixDatagramSocket::shut_down(Shutdown how) {
  if (how != Shutdown::kWrite) inbox_->read_ended.store(true, std::memory_order_release);
  if (how != Shutdown::kRead) inbox_->write_ended.store(true, std::memory_order_release);
  inbox_->room.wake_all();
  notify();
  return {};
}

PollEvents UnixDatagramSocket::poll() {
  const bool read_ended = inbox_->read_ended.load(), write_ended = inbox_->write_ended.load();
  PollEvents events = 0;
  if (inbox_->error.load() != 0) events |= kPollError;
  if (read_ended) events |= kPollReadable | kPollReadHangUp;
  if (read_ended && write_ended) events |= kPollHangUp;
  if (inbox_->messages.count() != 0) events |= kPollReadable;
  const RefPtr<UnixInbox> to = peer();
  const bool room = inbox_->sent() * 4 <= send_buffer() && !(to && to->is_full_for(*inbox_));
  if (room) events |= kPollWritable | kPollWriteBand;
  return events;
}

Result<std::int64_t> UnixDatagramSocket::control(std::uint32_t request, std::uint64_t argument) {
  if (request != kFionread && request != kTiocoutq) return Errno::kENOTTY;
  std::size_t count = inbox_->sent();
  if (request == kFionread) {
    const RefPtr<UnixMessage> next = inbox_->messages.first();
    count = next ? next->size : 0;
  }
  TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(count)));
  return std::int64_t{0};
}

void UnixDatagramSocket::for_each_queue(void (*visit)(UnixMessageQueue& queue, void* context), void* context) {
  visit(inbox_->messages, context);
}

}  // namespace mokapot
