// SPDX-License-Identifier: Apache-2.0
//
// What the sockets of AF_INET and AF_INET6 share: their port, the options of SOL_SOCKET, IPPROTO_IP and
// IPPROTO_IPV6, time limits, the interfaces' ioctls.
//
// Locks: lock_ (rank kReadiness) guards the derived class's small state; the port is the port table's; option
// values are atomic, each a number of its own. Thread context.
#pragma once

#include <atomic>

#include "io/socket.h"
#include "net/option_table.h"
#include "net/port_table.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace mokapot {

inline constexpr int kProtocolIcmp = 1, kProtocolTcp = 6, kProtocolUdp = 17, kProtocolIcmp6 = 58;

// Questions about interfaces, SIOCGIF...: any socket may be asked, whatever its family. kENOTTY: it is none of them.
Result<std::int64_t> interface_control(std::uint32_t request, std::uint64_t argument);

class InetSocket : public SocketFile {
 public:
  InetSocket(int family, int type, int protocol, std::uint32_t flags)
      : SocketFile(flags), family_(family), type_(type), protocol_(protocol), holder_(*this) {
    // As on Linux; Java, which wants no groups that others joined, says so to its IPv4 sockets only.
    if (family == kFamilyIpv6) options_.put(Option::kMulticastAll, 0);
  }

  int family() const final { return family_; }
  int type() const { return type_; }
  int protocol() const { return protocol_; }
  const OptionValues& options() const { return options_; }
  // What /proc/net shows of it. Called under the port table's lock.
  struct Shown {
    InetEndpoint local, remote;
    std::uint8_t state = 0;  // TCP's numbers; UDP: connected or closed
    std::size_t to_send = 0, to_read = 0;
    std::uint64_t inode = 0, dropped = 0;
  };
  virtual Shown shown(const PortHolder& holder) = 0;
  std::uint32_t bound_interface() const { return interface_.load(std::memory_order_relaxed); }

  Result<void> set_option(int level, int name, std::span<const std::uint8_t> value) final;
  Result<std::size_t> option(int level, int name, std::span<std::uint8_t> value) final;
  // SIOCGIF... and the like; derived classes answer what is theirs first.
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;

 protected:
  // Options beyond those of the table; kENOPROTOOPT: there is no such option.
  virtual Result<void> set_special_option(int level, int name, std::span<const std::uint8_t> value);
  virtual Result<std::size_t> special_option(int level, int name, std::span<std::uint8_t> value);
  // An option of the table was set.
  virtual void option_changed(Option) {}
  virtual bool accepts_level(int level) const = 0;  // of the protocols' own levels
  virtual bool is_listening() const { return false; }
  virtual Errno take_error() = 0;  // SO_ERROR; Errno{} for none
  virtual bool has_port() = 0;     // bound: IPV6_V6ONLY is fixed

  // SO_SNDBUF and SO_RCVBUF as they are shown: twice what was asked for.
  virtual std::int32_t initial_buffer(Option) const { return 0; }
  std::size_t send_buffer() const { return static_cast<std::size_t>(send_buffer_.load(std::memory_order_relaxed)); }
  std::size_t receive_buffer() const { return static_cast<std::size_t>(receive_buffer_.load(std::memory_order_relaxed)); }
  bool send_buffer_given() const { return buffers_given_.load(std::memory_order_relaxed) & 1; }
  bool receive_buffer_given() const { return buffers_given_.load(std::memory_order_relaxed) & 2; }
  void set_initial_buffers(std::int32_t send, std::int32_t receive) {
    send_buffer_.store(send, std::memory_order_relaxed);
    receive_buffer_.store(receive, std::memory_order_relaxed);
  }
  virtual void buffers_changed() {}

  V6Only v6_only() const { return family_ == kFamilyIpv6 && options_.on(Option::kV6Only) ? V6Only::kYes : V6Only::kNo; }
  PortClaim claim_for(const InetEndpoint& local) const {
    return {local, options_.on(Option::kReuseAddress), options_.on(Option::kReusePort), v6_only(), bound_interface()};
  }
  // The address of a bind call, checked: kEADDRNOTAVAIL for one that is not ours, kEINVAL, kEAFNOSUPPORT.
  Result<InetEndpoint> parse_bind_address(const SocketAddress& address) const;

  Instant receive_deadline() const { return deadline(receive_limit_); }
  Instant send_deadline() const { return deadline(send_limit_); }
  // What a wait that a signal ended gives: calls with a time limit are not restarted.
  Errno receive_interrupted() const { return receive_limit_.load() == 0 ? Errno::kRestart : Errno::kEINTR; }
  Errno send_interrupted() const { return send_limit_.load() == 0 ? Errno::kRestart : Errno::kEINTR; }
  bool waits(std::uint32_t message_flags) const { return !non_blocking() && (message_flags & kMessageDontWait) == 0; }
  // SO_LINGER: -1 off, else seconds.
  std::int32_t linger() const { return linger_.load(std::memory_order_relaxed); }
  void inherit_options(const InetSocket& from);

  const int family_, type_, protocol_;
  SpinLock lock_{LockRank::kReadiness};
  OptionValues options_;
  PortHolder holder_;

 private:
  Result<void> set_socket_option(int name, std::span<const std::uint8_t> value);
  Result<std::size_t> socket_option(int name, std::span<std::uint8_t> value);
  Result<void> set_buffer(int name, std::int32_t wanted);
  static Instant deadline(const std::atomic<std::int64_t>& limit) {
    const std::int64_t nanoseconds = limit.load(std::memory_order_relaxed);
    return nanoseconds == 0 ? Instant::never() : now() + Duration::nanoseconds(nanoseconds);
  }

  std::atomic<std::int64_t> receive_limit_{0}, send_limit_{0};  // nanoseconds, 0: none
  std::atomic<std::int32_t> send_buffer_{0}, receive_buffer_{0};
  std::atomic<std::uint8_t> buffers_given_{0};  // bit 0: send, bit 1: receive
  std::atomic<std::int32_t> linger_{-1};
  std::atomic<std::uint32_t> interface_{0};
};

// A socket of AF_INET or AF_INET6; flags: O_NONBLOCK. kESOCKTNOSUPPORT, kEPROTONOSUPPORT, kEINVAL, kENOMEM.
Result<RefPtr<SocketFile>> make_inet_socket(int family, int type, int protocol, std::uint32_t flags);

}  // namespace mokapot
