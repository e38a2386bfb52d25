// SPDX-License-Identifier: Apache-2.0
#include "net/netlink_socket.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/global.h"
#include "net/netlink_message.h"
#include "net/netlink_news.h"
#include "net/network.h"

namespace mokapot {
namespace {

constexpr int kNetlinkRoute = 0;
constexpr std::size_t kAddressSize = 12;   // sockaddr_nl
constexpr std::size_t kMostRequest = 4096;
constexpr std::int32_t kShownBuffer = 212992;

SocketAddress address_of(std::uint32_t port, std::uint32_t groups) {
  SocketAddress address;
  address.bytes[0] = kFamilyNetlink;
  std::memcpy(address.bytes + 4, &port, 4);
  std::memcpy(address.bytes + 8, &groups, 4);
  address.size = kAddressSize;
  return address;
}

using Listeners = IntrusiveList<NetlinkSocket, &NetlinkSocket::listener_hook>;
constinit SpinLock listeners_lock{LockRank::kPortTable};
constinit Global<Listeners> listeners GUARDED_BY(listeners_lock);

}  // namespace

Result<RefPtr<SocketFile>> make_netlink_socket(int type, int protocol, std::uint32_t flags) {
  if (type != kSocketRaw && type != kSocketDatagram) return Errno::kESOCKTNOSUPPORT;
  if (protocol != kNetlinkRoute) return Errno::kEPROTONOSUPPORT;
  return RefPtr<SocketFile>(TRY(make_ref<NetlinkSocket>(type, protocol, flags)));
}

// One at a time: a long chain must not end by recursion.
NetlinkSocket::~NetlinkSocket() {
  if (groups_.load(std::memory_order_relaxed) != 0) set_groups(0);
  while (take(false)) {
  }
}

std::uint32_t NetlinkSocket::port() {
  static constinit std::atomic<std::uint32_t> next{1};  // the process's number goes to the first, as on Linux
  std::uint32_t known = port_.load(std::memory_order_relaxed);
  if (known != 0) return known;
  const std::uint32_t fresh = next.fetch_add(1, std::memory_order_relaxed);
  return port_.compare_exchange_strong(known, fresh, std::memory_order_relaxed) ? fresh : known;
}

Result<void> NetlinkSocket::bind(const SocketAddress& address) {
  if (address.size < kAddressSize || address.family() != kFamilyNetlink) return Errno::kEINVAL;
  std::uint32_t wanted = 0, groups = 0;
  std::memcpy(&wanted, address.bytes + 4, 4);
  std::memcpy(&groups, address.bytes + 8, 4);
  set_groups(groups);
  std::uint32_t none = 0;
  if (wanted != 0 && !port_.compare_exchange_strong(none, wanted) && none != wanted) return Errno::kEINVAL;
  port();
  return {};
}

Result<void> NetlinkSocket::connect(const SocketAddress& address) {
  if (address.size < kAddressSize || address.family() != kFamilyNetlink) return Errno::kEINVAL;
  port();
  return {};
}

Result<SocketAddress> NetlinkSocket::local_address() { return address_of(port_.load(), groups_.load()); }
Result<SocketAddress> NetlinkSocket::peer_address() { return address_of(0, 0); }

// --- Requests -------------------------------------------------------------------------------------------

Result<std::size_t> NetlinkSocket::send(IoBuffer& from, const OutgoingMessage& message) {
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  const std::size_t size = from.remaining();
  if (size > kMostRequest) return Errno::kEMSGSIZE;
  std::unique_ptr<std::uint8_t[]> request(new (std::nothrow) std::uint8_t[size]);
  if (!request) return Errno::kENOBUFS;
  if (TRY(from.copy_out(request.get(), size)) != size) return Errno::kEFAULT;
  std::span<const std::uint8_t> rest(request.get(), size);
  NetlinkHeader header;
  while (rest.size() >= sizeof(header)) {
    std::memcpy(&header, rest.data(), sizeof(header));
    if (header.size < sizeof(header) || header.size > rest.size()) break;
    TRY(answer(rest.first(header.size)));
    rest = rest.subspan(std::min<std::size_t>(align_up(header.size, 4), rest.size()));
  }
  return size;
}

Result<void> NetlinkSocket::answer(std::span<const std::uint8_t> request) {
  NetlinkHeader header;
  std::memcpy(&header, request.data(), sizeof(header));
  constexpr std::uint16_t kFirstOfRoute = 16;
  if ((header.flags & kNetlinkRequest) == 0 || header.type < kFirstOfRoute) return {};
  if (!network_settled()) TRY(wait_for_network(Interruptible::kYes));
  NetlinkWriter writer(header.sequence, port());
  const int family = request.size() > sizeof(header) ? request[sizeof(header)] : kFamilyUnspecified;
  const bool dumps = (header.flags & kNetlinkDump) == kNetlinkDump;
  if (!dumps || !write_dump(writer, header.type, family)) {
    struct {
      std::int32_t error;
      NetlinkHeader request;
    } refusal{-static_cast<std::int32_t>(Errno::kEOPNOTSUPP), header};
    writer.begin(kNetlinkError, 0, &refusal, sizeof(refusal));
    writer.end();
  }
  if (!writer.ok()) return Errno::kENOBUFS;
  return deliver(writer.bytes(), 0);
}

Result<void> NetlinkSocket::deliver(std::span<const std::uint8_t> message, std::uint32_t group) {
  std::unique_ptr<Answer> made(new (std::nothrow) Answer);
  if (made) made->bytes.reset(new (std::nothrow) std::uint8_t[message.size()]);
  if (!made || !made->bytes) return Errno::kENOBUFS;
  made->size = message.size();
  made->group = group;
  std::memcpy(made->bytes.get(), message.data(), message.size());
  queue(std::move(made));
  notify(kPollReadable);
  return {};
}

// --- Groups ---------------------------------------------------------------------------------------------

void NetlinkSocket::set_groups(std::uint32_t groups) {
  SpinGuard guard(listeners_lock);
  if (!listeners.constructed()) listeners.construct();
  groups_.store(groups, std::memory_order_relaxed);
  if (groups != 0 && !listener_hook.is_linked()) listeners->push_back(*this);
  if (groups == 0 && listener_hook.is_linked()) listeners->erase(listeners->iterator_to(*this));
}

// Who does not read loses news and is told so: the queue of each is bounded.
void tell_netlink_group(std::uint32_t group, std::span<const std::uint8_t> message) {
  SpinGuard guard(listeners_lock);
  if (!listeners.constructed()) return;
  for (NetlinkSocket& socket : *listeners) {
    if ((socket.groups_.load(std::memory_order_relaxed) & group) == 0) continue;
    bool fits = false;
    {
      SpinGuard own(socket.lock_);
      fits = socket.queued_ + message.size() <= static_cast<std::size_t>(kShownBuffer);
    }
    if (fits && socket.deliver(message, group).ok()) continue;
    {
      SpinGuard own(socket.lock_);
      socket.overrun_ = true;
    }
    socket.notify(kPollReadable);
  }
}

void NetlinkSocket::queue(std::unique_ptr<Answer> answer) {
  SpinGuard guard(lock_);
  queued_ += answer->size;
  Answer* last = answer.get();
  (last_ != nullptr ? last_->next : first_) = std::move(answer);
  last_ = last;
}

// The first answer; a copy of it if it is to stay.
std::unique_ptr<NetlinkSocket::Answer> NetlinkSocket::take(bool keep) {
  SpinGuard guard(lock_);
  if (!first_) return nullptr;
  if (!keep) {
    std::unique_ptr<Answer> taken = std::move(first_);
    queued_ -= taken->size;
    first_ = std::move(taken->next);
    if (!first_) last_ = nullptr;
    return taken;
  }
  std::unique_ptr<Answer> copy(new (std::nothrow) Answer);
  if (!copy) return nullptr;
  copy->bytes.reset(new (std::nothrow) std::uint8_t[first_->size]);
  if (!copy->bytes) return nullptr;
  copy->size = first_->size;
  copy->group = first_->group;
  std::memcpy(copy->bytes.get(), first_->bytes.get(), copy->size);
  return copy;
}

Result<std::size_t> NetlinkSocket::receive(IoBuffer& into, IncomingMessage& message) {
  if ((message.flags & kMessageOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  std::unique_ptr<Answer> answer;
  bool overrun = false;
  auto attempt = [&] {
    {
      SpinGuard guard(lock_);
      overrun = std::exchange(overrun_, false);
    }
    if (!overrun) answer = take((message.flags & kMessagePeek) != 0);
    return overrun || answer != nullptr;
  };
  if (!attempt()) {
    if (non_blocking() || (message.flags & kMessageDontWait) != 0) return Errno::kEAGAIN;
    if (wait_until(readiness(), Instant::never(), Interruptible::kYes, attempt) != WakeReason::kWoken) return Errno::kRestart;
  }
  if (overrun) return Errno::kENOBUFS;
  const std::size_t wanted = std::min(answer->size, into.remaining());
  if (wanted != 0 && TRY(into.copy_in(answer->bytes.get(), wanted)) != wanted) return Errno::kEFAULT;
  if (wanted < answer->size) message.result_flags |= kMessageTruncate;
  if (message.from != nullptr) *message.from = address_of(0, answer->group);
  return (message.flags & kMessageTruncate) != 0 ? answer->size : wanted;
}

PollEvents NetlinkSocket::poll() {
  SpinGuard guard(lock_);
  return kPollWritable | kPollWriteBand | (first_ || overrun_ ? kPollReadable : 0);
}

// --- Options --------------------------------------------------------------------------------------------

Result<void> NetlinkSocket::set_option(int level, int name, std::span<const std::uint8_t> value) {
  constexpr int kLevelNetlink = 270, kAddMembership = 1, kDropMembership = 2;
  if (level != kLevelSocket && level != kLevelNetlink) return Errno::kENOPROTOOPT;
  if (value.size() < sizeof(std::int32_t)) return Errno::kEINVAL;
  if (level != kLevelNetlink || (name != kAddMembership && name != kDropMembership)) return {};  // hints, all of them
  std::uint32_t number = 0;
  std::memcpy(&number, value.data(), sizeof number);
  constexpr std::uint32_t kMostGroups = 32;  // of sockaddr_nl; nobody tells others
  if (number == 0 || number > kMostGroups) return Errno::kEINVAL;
  const std::uint32_t bit = std::uint32_t{1} << (number - 1), now = groups_.load(std::memory_order_relaxed);
  set_groups(name == kAddMembership ? now | bit : now & ~bit);
  return {};
}

Result<std::size_t> NetlinkSocket::option(int level, int name, std::span<std::uint8_t> value) {
  enum : int { kType = 3, kError = 4, kSendBuffer = 7, kReceiveBuffer = 8, kProtocol = 38, kDomain = 39 };
  if (level != kLevelSocket) return Errno::kENOPROTOOPT;
  std::int32_t number = 0;
  switch (name) {
    case kType: number = type_; break;
    case kError: break;
    case kSendBuffer:
    case kReceiveBuffer: number = kShownBuffer; break;
    case kProtocol: number = protocol_; break;
    case kDomain: number = kFamilyNetlink; break;
    default: return Errno::kENOPROTOOPT;
  }
  const std::size_t size = std::min(value.size(), sizeof(number));
  std::memcpy(value.data(), &number, size);
  return size;
}

}  // namespace mokapot
