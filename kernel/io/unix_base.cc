// SPDX-License-Identifier: Apache-2.0
#include "io/unix_base.h"

#include <cstring>

#include "base/format.h"
#include "io/in_flight.h"
#include "io/unix_datagram.h"
#include "io/unix_socket.h"

namespace mokapot {
namespace {

// Sockets with a name of the abstract space, in a chain through next_abstract_.
constinit SpinLock abstract_lock{LockRank::kReadiness};
constinit UnixSocketBase* first_abstract = nullptr;
// Where the search for a made-up name goes on.
constinit std::atomic<std::uint32_t> next_made_up{0};

bool same_name(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(a.bytes, b.bytes, a.size) == 0;
}

}  // namespace

Result<RefPtr<UnixSocketBase>> UnixSocketBase::create(int type, std::uint32_t flags) {
  if (type == kSocketDatagram) return RefPtr<UnixSocketBase>(TRY(UnixDatagramSocket::create(flags)));
  return RefPtr<UnixSocketBase>(TRY(make_ref<UnixSocket>(type, flags)));
}

Result<void> UnixSocketBase::connect_pair(UnixSocketBase& a, UnixSocketBase& b) {
  if (a.type() == kSocketDatagram) {
    UnixDatagramSocket::connect_pair(static_cast<UnixDatagramSocket&>(a), static_cast<UnixDatagramSocket&>(b));
    return {};
  }
  return UnixSocket::connect_pair(static_cast<UnixSocket&>(a), static_cast<UnixSocket&>(b));
}

UnixSocketBase::~UnixSocketBase() {
  forget_abstract_name();
  if (node_name_) node_name_->forget();
  collect_unreachable_sockets();
}

Credentials UnixSocketBase::credentials_for(const OutgoingMessage& message, const UnixSocketBase* receiver) const {
  if (message.credentials != nullptr) return *message.credentials;
  // A connection that was not accepted yet may want them later.
  const bool wanted = passes_credentials() || receiver == nullptr || receiver->passes_credentials();
  return wanted ? kOwnCredentials : Credentials();
}

Result<void> UnixSocketBase::name_if_credentials_are_passed() {
  if (!passes_credentials() || has_name()) return {};
  return bind_anywhere();
}

Result<void> UnixSocketBase::bind_anywhere() {
  constexpr std::uint32_t kNames = 0x100000;  // five digits of sixteen
  for (std::uint32_t i = 0; i < kNames; ++i) {
    if (has_name()) return {};
    SocketAddress name;
    name.bytes[0] = kFamilyUnix;
    char digits[8];
    const std::uint32_t number = next_made_up.fetch_add(1, std::memory_order_relaxed) % kNames;
    format_to(digits, sizeof(digits), "%05x", number);
    std::memcpy(name.bytes + 3, digits, 5);
    name.size = 8;
    Result<void> bound = bind_abstract(name);
    if (bound.ok() || bound.error() != Errno::kEADDRINUSE) return bound;
  }
  return Errno::kEADDRINUSE;
}

Result<void> UnixSocketBase::set_name(const SocketAddress& name) {
  SpinGuard guard(lock_);
  if (name_.size != 0) return Errno::kEINVAL;
  name_ = name;
  return {};
}

bool UnixSocketBase::has_name() {
  SpinGuard guard(lock_);
  return name_.size != 0;
}

RefPtr<UnixSocketBase> UnixSocketName::socket() {
  SpinGuard guard(lock_);
  if (socket_ == nullptr || !socket_->try_add_reference()) return nullptr;
  return RefPtr<UnixSocketBase>::adopt(socket_);
}

void UnixSocketName::forget() {
  SpinGuard guard(lock_);
  socket_ = nullptr;
}

Result<RefPtr<UnixSocketName>> UnixSocketBase::name_for_node() {
  RefPtr<UnixSocketName> name = TRY(make_ref<UnixSocketName>(this));
  SpinGuard guard(lock_);
  if (!node_name_) node_name_ = name;  // two threads may bind at once: both nodes lead here
  return RefPtr<UnixSocketName>(node_name_);
}

UnixSocketBase* UnixSocketBase::find_abstract_locked(const SocketAddress& name, int type) {
  for (UnixSocketBase* socket = first_abstract; socket != nullptr; socket = socket->next_abstract_) {
    if (socket->type_ == type && same_name(socket->abstract_name_, name)) return socket;
  }
  return nullptr;
}

Result<void> UnixSocketBase::bind_abstract(const SocketAddress& name) {
  if (has_name()) return Errno::kEINVAL;
  {
    SpinGuard guard(abstract_lock);
    if (find_abstract_locked(name, type_) != nullptr) return Errno::kEADDRINUSE;
    if (is_abstract_) return Errno::kEINVAL;  // another thread was faster
    abstract_name_ = name;
    is_abstract_ = true;
    next_abstract_ = first_abstract;
    first_abstract = this;
  }
  return set_name(name);
}

RefPtr<UnixSocketBase> UnixSocketBase::find_abstract(const SocketAddress& name, int type) {
  SpinGuard guard(abstract_lock);
  UnixSocketBase* found = find_abstract_locked(name, type);
  if (found == nullptr || !found->try_add_reference()) return nullptr;
  return RefPtr<UnixSocketBase>::adopt(found);
}

void UnixSocketBase::forget_abstract_name() {
  SpinGuard guard(abstract_lock);
  if (!is_abstract_) return;
  UnixSocketBase** link = &first_abstract;
  while (*link != this) link = &(*link)->next_abstract_;
  *link = next_abstract_;
  is_abstract_ = false;
}

Result<SocketAddress> UnixSocketBase::local_address() {
  SpinGuard guard(lock_);
  if (name_.size != 0) return name_;
  SocketAddress unnamed;
  unnamed.bytes[0] = kFamilyUnix;
  unnamed.size = 2;
  return unnamed;
}

}  // namespace mokapot
