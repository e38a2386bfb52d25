// SPDX-License-Identifier: Apache-2.0
#include "io/unix_inbox.h"

namespace mokapot {
namespace {
constinit std::atomic<std::uint64_t> next_number{1};
}  // namespace

UnixInbox::UnixInbox(SocketFile* owner)
    : number_(next_number.fetch_add(1, std::memory_order_relaxed)), owner_(owner) {}

bool UnixInbox::accepts(const UnixInbox& from) const {
  const std::uint64_t peer = peer_.load(std::memory_order_acquire);
  return peer == 0 || peer == from.number_;
}

void UnixInbox::set_peer(const UnixInbox* peer) {
  peer_.store(peer == nullptr ? 0 : peer->number_, std::memory_order_release);
}

bool UnixInbox::is_full_for(const UnixInbox& from) {
  if (is_closed() || has_peer(from) || messages.count() <= kMostWaiting) return false;
  // Marked before the second look: who takes a message after it sees the mark.
  was_full_.store(true, std::memory_order_seq_cst);
  return messages.count() > kMostWaiting;
}

RefPtr<SocketFile> UnixInbox::owner() {
  IrqSpinGuard guard(lock_);
  if (owner_ == nullptr || !owner_->try_add_reference()) return nullptr;
  return RefPtr<SocketFile>::adopt(owner_);
}

Result<void> UnixInbox::push(RefPtr<UnixMessage> message, const UnixInbox& from) {
  if (is_closed()) return Errno::kECONNREFUSED;
  if (!accepts(from)) return Errno::kEPERM;
  if (read_ended.load(std::memory_order_acquire)) return Errno::kEPIPE;
  TRY(messages.push(std::move(message), has_peer(from) ? UnixMessageQueue::kNoLimit : kMostWaiting));
  notify(kPollReadable);
  return {};
}

void UnixInbox::after_taking() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (was_full_.load(std::memory_order_relaxed) && was_full_.exchange(false)) room.wake_all();
}

void UnixInbox::notify(PollEvents events) {
  IrqSpinGuard guard(lock_);
  if (owner_ != nullptr) owner_->notify(events);
}

void UnixInbox::give_back(std::size_t bytes) {
  sent_.fetch_sub(bytes, std::memory_order_release);
  notify(kPollWritable | kPollWriteBand);
}

void UnixInbox::close() {
  closed_.store(true, std::memory_order_release);
  {
    IrqSpinGuard guard(lock_);
    owner_ = nullptr;
  }
  messages.close();
  room.wake_all();
}

}  // namespace mokapot
