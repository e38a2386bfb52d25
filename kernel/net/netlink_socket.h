// SPDX-License-Identifier: Apache-2.0
//
// Sockets of AF_NETLINK, family NETLINK_ROUTE, as far as getifaddrs(3) and if_nameindex(3) need: dumps of links,
// addresses and routes (rtnetlink(7)). Changes are refused, groups of events are joined and stay silent.
//
// Locks: lock_ (rank kReadiness) guards the answers that were not read. Thread context.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "base/intrusive.h"
#include "io/socket.h"
#include "sync/spinlock.h"

namespace mokapot {

class NetlinkSocket final : public SocketFile {
 public:
  NetlinkSocket(int type, int protocol, std::uint32_t flags) : SocketFile(flags), type_(type), protocol_(protocol) {}
  ~NetlinkSocket() override;

  int family() const override { return kFamilyNetlink; }
  Result<void> bind(const SocketAddress& address) override;
  Result<void> connect(const SocketAddress& address) override;
  Result<void> listen(int) override { return Errno::kEOPNOTSUPP; }
  Result<RefPtr<SocketFile>> accept(std::uint32_t) override { return Errno::kEOPNOTSUPP; }
  Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) override;
  Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) override;
  Result<void> shut_down(Shutdown) override { return Errno::kEOPNOTSUPP; }
  Result<SocketAddress> local_address() override;
  Result<SocketAddress> peer_address() override;
  Result<void> set_option(int level, int name, std::span<const std::uint8_t> value) override;
  Result<std::size_t> option(int level, int name, std::span<std::uint8_t> value) override;
  PollEvents poll() override;

  ListHook listener_hook;  // sockets that are in groups

 private:
  // One datagram of answers.
  struct Answer {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size = 0;
    std::uint32_t group = 0;  // that was told it; 0: the answer to a request
    std::unique_ptr<Answer> next;
  };
  friend void tell_netlink_group(std::uint32_t group, std::span<const std::uint8_t> message);
  void set_groups(std::uint32_t groups);
  Result<void> deliver(std::span<const std::uint8_t> message, std::uint32_t group);  // kENOBUFS
  std::unique_ptr<Answer> take(bool keep);
  Result<void> answer(std::span<const std::uint8_t> request);
  void queue(std::unique_ptr<Answer> answer);
  std::uint32_t port();  // given out when first asked for

  const int type_, protocol_;
  std::atomic<std::uint32_t> port_{0}, groups_{0};
  SpinLock lock_{LockRank::kReadiness};
  std::unique_ptr<Answer> first_ GUARDED_BY(lock_);
  Answer* last_ GUARDED_BY(lock_) = nullptr;
  std::size_t queued_ GUARDED_BY(lock_) = 0;  // bytes
  bool overrun_ GUARDED_BY(lock_) = false;    // news were lost, which the next receive says
};

// kESOCKTNOSUPPORT, kEPROTONOSUPPORT.
Result<RefPtr<SocketFile>> make_netlink_socket(int type, int protocol, std::uint32_t flags);

}  // namespace mokapot
