// SPDX-License-Identifier: Apache-2.0
#include "publish/publisher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "publish/host_port.h"
#include "qemu/network_device.h"

namespace moka {
namespace {

constexpr unsigned kMostPort = 65535;
// Where a port that needs privilege goes without it: 80 to 8080, 443 to 8443.
constexpr unsigned kUnprivilegedOffset = 8000;
constexpr unsigned kFirstUnprivileged = 1024;
// Numbers that were free a moment ago and that QEMU then could not have.
constexpr unsigned kMostAttempts = 64;

}  // namespace

Publisher::Publisher(PublisherPlan plan, Monitor& monitor, Tell tell)
    : plan_(std::move(plan)), monitor_(monitor), tell_(std::move(tell)) {
  for (const PublisherPlan::Mapping& mapping : plan_.mappings) {
    Publication publication;
    publication.protocol = mapping.protocol;
    publication.guest_port = mapping.guest_port;
    publication.first_port = mapping.host_port;
    publication.is_fixed = true;
    publication.addresses = mapping.addresses;
    fixed_.push_back(std::move(publication));
  }
}

void Publisher::listen(const GuestListener& listener) {
  for (Publication* publication : publications_of(listener, true)) {
    ++publication->listeners;
    refresh(*publication);
  }
}

void Publisher::unlisten(const GuestListener& listener) {
  for (Publication* publication : publications_of(listener, false)) {
    if (publication->listeners == 0) continue;
    --publication->listeners;
    refresh(*publication);
  }
}

// Those that the listener keeps up. `tells`: says so where there are none and why.
std::vector<Publisher::Publication*> Publisher::publications_of(const GuestListener& listener,
                                                                bool tells) {
  std::vector<Publication*> found;
  for (Publication& publication : fixed_)
    if (publication.protocol == listener.protocol && publication.guest_port == listener.port)
      found.push_back(&publication);
  const bool is_named = !found.empty();
  // A datagram socket is as likely to be a client's; only -p makes it a service.
  if (!is_named && (listener.protocol == Protocol::kUdp || !plan_.publishes)) return {};

  const bool is_unreachable = plan_.is_forwarded && !listener.answers_v4();
  const std::string reason = is_unreachable ? "it takes IPv6 only, and user networking leads to "
                                              "IPv4; give --net tap:NAME, or listen on both"
                             : is_named     ? ""
                                            : reason_to_refuse(listener);
  if (!reason.empty()) {
    PortNotice refusal = notice(listener.protocol, listener.port);
    refusal.kind = PortNotice::Kind::kRefused;
    refusal.reason = reason;
    refusal.is_expected = listener.is_loopback();
    if (tells) tell_(refusal);
    return {};
  }
  if (!is_named) {
    Publication& publication = automatic_[listener.port];
    publication.guest_port = publication.first_port = listener.port;
    publication.addresses = plan_.addresses;
    found.push_back(&publication);
  }
  return found;
}

std::string Publisher::reason_to_refuse(const GuestListener& listener) const {
  const std::string hint = "; -p " + std::to_string(listener.port) + " publishes it";
  if (listener.is_loopback()) return "it is bound to the VM's own loopback address" + hint;
  const std::string purpose = plan_.management.purpose_of(listener.port);
  if (!purpose.empty()) return "it is for " + purpose + hint;
  return "";
}

void Publisher::refresh(Publication& publication) {
  if (publication.listeners > 0 && publication.state == State::kDown)
    come(publication, publication.first_port);
  else if (publication.listeners == 0 && publication.state == State::kUp)
    go(publication);
}

void Publisher::come(Publication& publication, unsigned from) {
  publication.has_failed = false;
  if (!plan_.is_forwarded) {
    publication.host_port = publication.guest_port;
    return finish_coming(publication);
  }
  if (publication.is_fixed) {
    publication.host_port = publication.first_port;
    if (!ask_for_rules(publication)) fail(publication, publication.reason);
    return;
  }
  for (unsigned next = from;; next = publication.host_port + 1u) {
    const std::optional<std::uint16_t> port = find_port(publication, next);
    if (!port) return fail(publication, "the host has no free port for it");
    publication.host_port = *port;
    if (ask_for_rules(publication)) return;
  }
}

// The first port from `from` on that is free on all addresses; the reason is that against the
// first.
std::optional<std::uint16_t> Publisher::find_port(Publication& publication, unsigned from) const {
  for (unsigned port = from; port <= kMostPort; ++port) {
    const auto number = static_cast<std::uint16_t>(port);
    PortState state = PortState::kFree;
    IpAddress where;
    for (const IpAddress& address : publication.addresses) {
      where = address;
      state = is_spoken_for(publication, number)
                  ? PortState::kTaken
                  : probe_port(address, publication.protocol, number);
      if (state != PortState::kFree) break;
    }
    if (state == PortState::kFree) return number;
    if (port == publication.first_port) publication.reason = describe(state, where, number);
    if (state == PortState::kForbidden && port < kFirstUnprivileged)
      port = publication.first_port + kUnprivilegedOffset - 1;
  }
  return {};
}

// Another publication has the port or will have it.
bool Publisher::is_spoken_for(const Publication& publication, std::uint16_t port) const {
  for (const Publication& fixed : fixed_)
    if (fixed.protocol == publication.protocol && fixed.first_port == port) return true;
  return std::any_of(automatic_.begin(), automatic_.end(), [&](const auto& item) {
    const Publication& other = item.second;
    return &other != &publication && other.state != State::kDown && other.host_port == port;
  });
}

// False, with a reason, where the relays' addresses cannot be had.
bool Publisher::ask_for_rules(Publication& publication) {
  publication.state = State::kComing;
  publication.sockets.clear();
  std::vector<IpAddress> rules;
  for (const IpAddress& address : publication.addresses) {
    if (address.is_v4()) {
      rules.push_back(address);
      continue;
    }
    BoundSocket bound = bind_port(address, publication.protocol, publication.host_port);
    if (!bound.socket) {
      publication.reason = describe(bound.state, address, publication.host_port);
      publication.sockets.clear();
      return false;
    }
    publication.sockets.push_back(std::move(bound.socket));
  }
  // A relay needs a rule to lead to.
  if (rules.empty()) rules.push_back(IpAddress::v4_loopback());
  for (const IpAddress& address : rules) {
    const std::uint64_t number = monitor_.ask_human_monitor(
        std::string("hostfwd_add ") + kNetdevId + " " + rule(publication, address) +
        "-:" + std::to_string(publication.guest_port));
    publication.awaited.emplace(number, address);
  }
  return true;
}

void Publisher::take_replies() {
  for (const Monitor::Reply& reply : monitor_.take_replies()) {
    for (Publication& publication : fixed_) settle(publication, reply);
    for (auto& [port, publication] : automatic_) settle(publication, reply);
  }
}

void Publisher::settle(Publication& publication, const Monitor::Reply& reply) {
  const auto awaited = publication.awaited.find(reply.number);
  if (awaited == publication.awaited.end()) return;
  const bool is_coming = publication.state == State::kComing;
  // QEMU says something only where it could not.
  if (is_coming && reply.text.empty()) {
    publication.rules.push_back(awaited->second);
    if (plan_.forwarder != 0 && publication.protocol == Protocol::kTcp)
      lengthen_backlog(plan_.forwarder, awaited->second, publication.host_port);
  }
  if (is_coming && !reply.text.empty()) publication.has_failed = true;
  publication.awaited.erase(awaited);
  if (!publication.awaited.empty()) return;
  is_coming ? finish_coming(publication) : be_gone(publication);
}

void Publisher::finish_coming(Publication& publication) {
  if (!publication.has_failed && publication.listeners > 0) {
    // 0.0.0.0 is no address to connect to, on every system.
    const IpAddress target = !publication.rules.empty() && !publication.rules.front().is_any()
                                 ? publication.rules.front()
                                 : IpAddress::v4_loopback();
    for (UniqueFd& socket : publication.sockets) {
      const std::uint64_t relay = relay_.open(std::move(socket), target, publication.host_port);
      publication.has_failed = publication.has_failed || relay == 0;
      if (relay != 0) publication.relays.push_back(relay);
    }
    publication.sockets.clear();
  }
  if (publication.has_failed || publication.listeners == 0) return go(publication);
  publication.state = State::kUp;
  publication.attempts = 0;
  announce(publication, PortNotice::Kind::kPublished);
}

void Publisher::go(Publication& publication) {
  if (publication.state == State::kUp) announce(publication, PortNotice::Kind::kWithdrawn);
  for (const std::uint64_t relay : std::exchange(publication.relays, {})) relay_.close(relay);
  publication.sockets.clear();
  publication.state = State::kGoing;
  for (const IpAddress& address : std::exchange(publication.rules, {})) {
    const std::uint64_t number = monitor_.ask_human_monitor(
        std::string("hostfwd_remove ") + kNetdevId + " " + rule(publication, address));
    publication.awaited.emplace(number, address);
  }
  if (publication.awaited.empty()) be_gone(publication);
}

// Nothing is left on the host. Listeners that came meanwhile, or a number that was snatched away,
// call for another try.
void Publisher::be_gone(Publication& publication) {
  publication.state = State::kDown;
  if (publication.listeners == 0) return;
  if (!publication.has_failed) return come(publication, publication.first_port);
  const std::string reason =
      describe(PortState::kTaken, publication.addresses.front(), publication.host_port);
  if (publication.is_fixed || ++publication.attempts > kMostAttempts)
    return fail(publication, reason);
  if (publication.host_port == publication.first_port) publication.reason = reason;
  come(publication, publication.host_port + 1u);
}

void Publisher::fail(Publication& publication, const std::string& reason) {
  publication.state = State::kDown;
  PortNotice refusal = notice(publication.protocol, publication.guest_port);
  refusal.kind = PortNotice::Kind::kRefused;
  refusal.reason = reason;
  tell_(refusal);
}

void Publisher::announce(const Publication& publication, PortNotice::Kind kind) {
  for (const IpAddress& address : publication.addresses) {
    PortNotice said = notice(publication.protocol, publication.guest_port);
    said.kind = kind;
    said.address = address;
    said.host_port = publication.host_port;
    if (publication.host_port != publication.first_port) said.reason = publication.reason;
    tell_(said);
  }
}

PortNotice Publisher::notice(Protocol protocol, std::uint16_t guest_port) const {
  PortNotice said;
  said.protocol = protocol;
  said.guest_port = guest_port;
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - plan_.start;
  said.seconds = since.count();
  return said;
}

std::string Publisher::rule(const Publication& publication, const IpAddress& address) const {
  return std::string(publication.protocol == Protocol::kTcp ? "tcp:" : "udp:") + address.text() +
         ":" + std::to_string(publication.host_port);
}

}  // namespace moka
