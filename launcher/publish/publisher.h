// SPDX-License-Identifier: Apache-2.0
//
// Lets the ports that the application listens on appear on the host, and takes them back.
//
// Behind user networking a port is published by a forwarding rule of QEMU's on each IPv4 address,
// and by a relay of ours to such a rule on each IPv6 address, which QEMU cannot listen on. A port
// is announced only when all its addresses accept connections. On a tap or bridge the VM has an
// address of its own, and there is nothing to do but to announce it.
//
// Runs on the session's one thread; nothing blocks. Every change asks QEMU and goes on when the
// answer comes: a Publication is down, coming, up or going.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "publish/listener_line.h"
#include "publish/publishing_plan.h"
#include "publish/relay.h"
#include "qemu/monitor.h"

namespace moka {

// What the user is told about one port at one address.
struct PortNotice {
  enum class Kind { kPublished, kWithdrawn, kRefused };
  Kind kind = Kind::kPublished;
  Protocol protocol = Protocol::kTcp;
  std::optional<IpAddress> address;  // on the host; nothing where the port is refused
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;
  std::string reason;        // why it is refused, or why its number is another; may be ""
  bool is_expected = false;  // refused as everybody knows: for those who ask for details
  double seconds = 0;        // since the start
};

class Publisher {
 public:
  using Tell = std::function<void(const PortNotice&)>;
  Publisher(PublisherPlan plan, Monitor& monitor, Tell tell);

  // A line of the guest's: a socket began to listen, or no longer does.
  void listen(const GuestListener& listener);
  void unlisten(const GuestListener& listener);

  // To be called when the monitor has read.
  void take_replies();

  Relay& relay() { return relay_; }

 private:
  enum class State { kDown, kComing, kUp, kGoing };

  struct Publication {
    Protocol protocol = Protocol::kTcp;
    std::uint16_t guest_port = 0;
    std::uint16_t first_port = 0;  // the host port to have if it can be had
    bool is_fixed = false;         // that one or none: -p
    std::vector<IpAddress> addresses;

    State state = State::kDown;
    unsigned listeners = 0;  // sockets of the guest
    std::uint16_t host_port = 0;
    std::string reason;  // why host_port is not first_port
    bool has_failed = false;
    unsigned attempts = 0;
    std::map<std::uint64_t, IpAddress> awaited;  // rules that QEMU was asked for, by reply
    std::vector<IpAddress> rules;                // those that it has
    std::vector<UniqueFd> sockets;               // for the relays that are to come
    std::vector<std::uint64_t> relays;
  };

  std::vector<Publication*> publications_of(const GuestListener& listener, bool tells);
  std::string reason_to_refuse(const GuestListener& listener) const;
  void refresh(Publication& publication);
  void come(Publication& publication, unsigned from);
  std::optional<std::uint16_t> find_port(Publication& publication, unsigned from) const;
  bool is_spoken_for(const Publication& publication, std::uint16_t port) const;
  bool ask_for_rules(Publication& publication);
  void finish_coming(Publication& publication);
  void go(Publication& publication);
  void settle(Publication& publication, const Monitor::Reply& reply);
  void be_gone(Publication& publication);
  void fail(Publication& publication, const std::string& reason);
  void announce(const Publication& publication, PortNotice::Kind kind);
  std::string rule(const Publication& publication, const IpAddress& address) const;
  PortNotice notice(Protocol protocol, std::uint16_t guest_port) const;

  PublisherPlan plan_;
  Monitor& monitor_;
  Tell tell_;
  Relay relay_;
  // References to elements stay good: it only grows in the constructor.
  std::vector<Publication> fixed_;
  std::map<std::uint16_t, Publication> automatic_;  // by guest port
};

}  // namespace moka
