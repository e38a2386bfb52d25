// SPDX-License-Identifier: Apache-2.0
//
// What sockets of the family AF_UNIX have in common, unix(7): names and options. Names in file systems are the caller's to
// make and to look up (layers above); names that begin with a NUL are kept here.
//
// Locks: a socket's name and state have a spinlock (rank kReadiness). What the search for unreachable sockets needs is guarded by
// its own mutex (in_flight.cc).
#pragma once

#include <atomic>

#include "io/socket.h"
#include "io/unix_message.h"
#include "sync/spinlock.h"

namespace mokapot {

class UnixSocketBase;

// What a file system's node keeps of the socket that was bound to it: a way to it as long as it lives.
class UnixSocketName : public RefCounted<UnixSocketName> {
 public:
  explicit UnixSocketName(UnixSocketBase* socket) : socket_(socket) {}
  RefPtr<UnixSocketBase> socket();  // null once it is gone
  void forget();

 private:
  SpinLock lock_{LockRank::kReadiness};
  UnixSocketBase* socket_ GUARDED_BY(lock_);
};

class UnixSocketBase : public SocketFile {
 public:
  // kENOMEM where there is no memory for what it needs besides.
  static Result<RefPtr<UnixSocketBase>> create(int type, std::uint32_t flags);
  static Result<void> connect_pair(UnixSocketBase& a, UnixSocketBase& b);  // of one type
  ~UnixSocketBase() override;

  int type() const { return type_; }
  int family() const final { return kFamilyUnix; }
  bool raises_broken_pipe() const final { return type_ == kSocketStream; }

  // Gives the socket its name; kEINVAL if it has one.
  Result<void> set_name(const SocketAddress& name);
  bool has_name();
  // For the node of a name in a file system; kENOMEM.
  Result<RefPtr<UnixSocketName>> name_for_node();
  // Names of the abstract space, of which each type of socket has its own: kEADDRINUSE; nullptr if nobody has the name.
  Result<void> bind_abstract(const SocketAddress& name);
  static RefPtr<UnixSocketBase> find_abstract(const SocketAddress& name, int type);
  // An abstract name that is made up, unless it has a name. kEADDRINUSE: there is none left.
  Result<void> bind_anywhere();

  // connect(2) to a socket that was found by its name, of the same type.
  virtual Result<void> connect_to(UnixSocketBase& target) = 0;
  // connect(2) to nobody: AF_UNSPEC.
  virtual Result<void> disconnect() { return Errno::kEINVAL; }

  Result<SocketAddress> local_address() final;
  Result<void> set_option(int level, int name, std::span<const std::uint8_t> value) final;
  Result<std::size_t> option(int level, int name, std::span<std::uint8_t> value) final;

  // Every queue whose messages only this socket can read. Called by the search for unreachable sockets.
  virtual void for_each_queue(void (*visit)(UnixMessageQueue& queue, void* context), void* context) = 0;

  ListHook in_flight_hook;  // InFlight::sockets_
  ListHook spread_hook;     // those that InFlight::search has still to look into

 protected:
  UnixSocketBase(int type, std::uint32_t flags) : SocketFile(flags), type_(type) {}

  // For options.
  virtual bool is_listening() { return false; }
  virtual bool knows_peer_credentials() = 0;
  virtual std::int32_t take_error() = 0;

  // Linux's default of the whole system (net.core.wmem_default); a message and what it says of itself must fit.
  static constexpr std::size_t kDefaultSendBuffer = 212992, kMessageNeeds = 32;
  std::size_t send_buffer() const { return send_buffer_.load(std::memory_order_relaxed); }
  bool passes_credentials() const { return pass_credentials_.load(std::memory_order_relaxed); }
  Instant send_deadline() { return time_limit(send_limit_); }
  Instant receive_deadline() { return time_limit(receive_limit_); }
  bool waits(std::uint32_t message_flags) const { return !non_blocking() && (message_flags & kMessageDontWait) == 0; }
  // Sleeps until ready() holds, if the call may sleep. kEAGAIN: it may not, or not that long; kRestart.
  template <typename Ready>
  Result<void> wait_for(WaitQueue& queue, std::uint32_t message_flags, Instant deadline, Ready ready) {
    if (!waits(message_flags)) return Errno::kEAGAIN;
    switch (wait_until(queue, deadline, Interruptible::kYes, ready)) {
      case WakeReason::kWoken: return {};
      case WakeReason::kTimedOut: return Errno::kEAGAIN;
      case WakeReason::kInterrupted: return Errno::kRestart;
    }
    return {};
  }
  // Whose credentials a message shows, said or not.
  Credentials credentials_for(const OutgoingMessage& message, const UnixSocketBase* receiver) const;
  // A socket that wants credentials has a name, so that it can be answered.
  Result<void> name_if_credentials_are_passed();

  SpinLock lock_{LockRank::kReadiness};

 private:
  friend class InFlight;
  enum class Reach : std::uint8_t { kUnknown, kReachable };

  static UnixSocketBase* find_abstract_locked(const SocketAddress& name, int type);
  void forget_abstract_name();
  static Instant time_limit(const std::atomic<std::int64_t>& nanoseconds);

  const int type_;
  SocketAddress name_ GUARDED_BY(lock_);
  RefPtr<UnixSocketName> node_name_ GUARDED_BY(lock_);
  // Membership of the list of abstract names, guarded by that list's lock.
  bool is_abstract_ = false;
  SocketAddress abstract_name_;
  UnixSocketBase* next_abstract_ = nullptr;
  // Guarded by the mutex of InFlight.
  std::size_t in_flight_ = 0, held_elsewhere_ = 0;
  Reach reach_ = Reach::kUnknown;
  // Options, and time limits in nanoseconds (0: none). Some are only remembered.
  std::atomic<bool> reuse_address_{false}, keep_alive_{false}, pass_credentials_{false}, reuse_port_{false};
  std::atomic<std::size_t> send_buffer_{kDefaultSendBuffer};
  std::atomic<std::int64_t> receive_limit_{0}, send_limit_{0};
};

}  // namespace mokapot
