// SPDX-License-Identifier: Apache-2.0
#include "io/unix_message.h"

#include <algorithm>

#include "base/global.h"
#include "io/in_flight.h"
#include "io/unix_inbox.h"

namespace mokapot {
namespace {

// Messages that are given up, and whether somebody is at it.
struct GivenUp {
  SpinLock lock{LockRank::kMessageQueue};
  UnixMessageList messages GUARDED_BY(lock);
  bool worked_on GUARDED_BY(lock) = false;
};
Global<GivenUp> given_up;

}  // namespace

void initialise_unix_messages() { given_up.construct(); }

UnixMessage::UnixMessage() = default;

UnixMessage::~UnixMessage() {
  land(*this);
  if (sender) sender->give_back(charge());
}

Result<RefPtr<UnixMessage>> UnixMessage::create(IoBuffer& from, const OutgoingMessage& outgoing) {
  Result<RefPtr<UnixMessage>> made = make_ref<UnixMessage>();
  if (!made.ok()) return Errno::kENOBUFS;
  UnixMessage& message = *made.value();
  const std::size_t size = from.remaining();
  if (size != 0) {
    message.bytes.reset(new (std::nothrow) std::byte[size]);
    if (!message.bytes) return Errno::kENOBUFS;
    if (TRY(from.copy_out(message.bytes.get(), size)) != size) return Errno::kEFAULT;
  }
  message.size = size;
  if (outgoing.files != nullptr) message.files = RefPtr<PassedFiles>(outgoing.files);
  return made;
}

Result<std::size_t> UnixMessage::deliver(IoBuffer& into, IncomingMessage& message) const {
  if (message.from != nullptr) *message.from = from;
  message.credentials = credentials;
  const std::size_t room = into.remaining(), moved = std::min(room, size);
  if (moved != 0 && TRY(into.copy_in(bytes.get(), moved)) != moved) return Errno::kEFAULT;
  if (room < size) message.result_flags |= kMessageTruncate;
  message.files = files;
  return (message.flags & kMessageTruncate) != 0 ? size : moved;
}

Result<void> UnixMessageQueue::push(RefPtr<UnixMessage> message, std::size_t most) {
  launch(*message);  // before anybody can take it off
  SpinGuard guard(lock_);
  if (closed_) return Errno::kECONNREFUSED;
  const std::size_t count = count_.load(std::memory_order_relaxed);
  if (count > most) return Errno::kEAGAIN;
  bytes_.store(bytes_.load(std::memory_order_relaxed) + message->size, std::memory_order_release);
  count_.store(count + 1, std::memory_order_release);
  messages_.push_back(*message.release());
  return {};
}

void UnixMessageQueue::remove_locked(UnixMessage& message) {
  messages_.erase(messages_.iterator_to(message));
  bytes_.store(bytes_.load(std::memory_order_relaxed) - message.size, std::memory_order_release);
  count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
}

RefPtr<UnixMessage> UnixMessageQueue::first() {
  SpinGuard guard(lock_);
  return messages_.empty() ? RefPtr<UnixMessage>() : RefPtr<UnixMessage>(&messages_.front());
}

RefPtr<UnixMessage> UnixMessageQueue::take() {
  RefPtr<UnixMessage> taken;
  {
    SpinGuard guard(lock_);
    if (messages_.empty()) return nullptr;
    taken = RefPtr<UnixMessage>::adopt(&messages_.front());
    remove_locked(*taken);
  }
  land(*taken);
  return taken;
}

bool UnixMessageQueue::take(UnixMessage& message) {
  RefPtr<UnixMessage> taken;
  {
    SpinGuard guard(lock_);
    if (messages_.empty() || &messages_.front() != &message) return false;
    taken = RefPtr<UnixMessage>::adopt(&message);
    remove_locked(message);
  }
  land(*taken);
  return true;
}

void UnixMessageQueue::move_all_to(UnixMessageList& list) {
  SpinGuard guard(lock_);
  list.splice(list.end(), messages_);
  count_.store(0, std::memory_order_release);
  bytes_.store(0, std::memory_order_release);
}

void UnixMessageQueue::clear() {
  UnixMessageList list;
  move_all_to(list);
  discard_messages(list);
}

void UnixMessageQueue::close() {
  {
    SpinGuard guard(lock_);
    closed_ = true;
  }
  clear();
}

void discard_messages(UnixMessageList& messages) {
  if (messages.empty()) return;
  {
    SpinGuard guard(given_up->lock);
    given_up->messages.splice(given_up->messages.end(), messages);
    if (given_up->worked_on) return;
    given_up->worked_on = true;
  }
  while (true) {
    RefPtr<UnixMessage> message;  // dies outside the lock
    SpinGuard guard(given_up->lock);
    if (given_up->messages.empty()) {
      given_up->worked_on = false;
      return;
    }
    message = RefPtr<UnixMessage>::adopt(&given_up->messages.front());
    given_up->messages.pop_front();
  }
}

}  // namespace mokapot
