// SPDX-License-Identifier: Apache-2.0
#include "net/port_table.h"

#include "base/global.h"
#include "device/random.h"
#include "net/keyed_hash.h"

namespace mokapot {
namespace {

constexpr std::size_t kBuckets = 512;
// net.ipv4.ip_local_port_range
constexpr std::uint32_t kFirstEphemeral = 32768, kLastEphemeral = 60999;
constexpr std::uint32_t kEphemeralCount = kLastEphemeral - kFirstEphemeral + 1;

using HolderList = IntrusiveList<PortHolder, &PortHolder::table_hook>;

struct PortTable {
  SpinLock lock{LockRank::kPortTable};
  HolderList buckets[2][kBuckets] GUARDED_BY(lock);
  HashKey key;  // so that peers cannot choose the listener of a SO_REUSEPORT group

  HolderList& bucket(InetProtocol protocol, std::uint16_t port) REQUIRES(lock) {
    return buckets[static_cast<std::size_t>(protocol)][port % kBuckets];
  }
};
constinit Global<PortTable> table;

bool addresses_overlap(const InetAddress& a, V6Only a_v6_only, const InetAddress& b, V6Only b_v6_only) {
  return address_covers(a, a_v6_only, b) || address_covers(b, b_v6_only, a);
}

bool interfaces_overlap(std::uint32_t a, std::uint32_t b) { return a == 0 || b == 0 || a == b; }

// Linux's inet_csk_bind_conflict and udp_lib_lport_inuse. A port that the kernel chooses is shared with nobody.
enum class Choice : std::uint8_t { kGiven, kChosen };
bool conflicts(InetProtocol protocol, const PortClaim& claim, const PortHolder& other, Choice choice) {
  if (!interfaces_overlap(claim.interface, other.interface)) return false;
  if (!addresses_overlap(claim.local.address, claim.v6_only, other.local.address, other.v6_only)) return false;
  if (choice == Choice::kChosen) return true;
  const bool listens = protocol == InetProtocol::kTcp && other.listening;
  if (claim.reuse_address && other.reuse_address && !listens) return false;
  return !(claim.reuse_port && other.reuse_port);
}

bool port_is_free_locked(InetProtocol protocol, const PortClaim& claim, std::uint16_t port, Choice choice)
    REQUIRES(table->lock) {
  for (const PortHolder& other : table->bucket(protocol, port)) {
    if (other.local.port == port && conflicts(protocol, claim, other, choice)) return false;
  }
  return true;
}

// 0: none is free.
std::uint16_t choose_port_locked(InetProtocol protocol, const PortClaim& claim) REQUIRES(table->lock) {
  std::uint32_t offset = 0;
  random_bytes(&offset, sizeof(offset));
  for (std::uint32_t i = 0; i < kEphemeralCount; ++i) {
    const auto port = static_cast<std::uint16_t>(kFirstEphemeral + (offset + i) % kEphemeralCount);
    if (port_is_free_locked(protocol, claim, port, Choice::kChosen)) return port;
  }
  return 0;
}

// How well a holder fits a packet, -1 if not at all: a given address counts more than a wildcard of one family, that
// more than one of both, and a peer and an interface more than none (Linux's compute_score).
int fit(const PortHolder& holder, const InetEndpoint& to, const InetEndpoint& from, std::uint32_t interface) {
  if (holder.local.port != to.port || !address_covers(holder.local.address, holder.v6_only, to.address)) return -1;
  int score = holder.local.address.family() == to.address.family() ? 1 : 0;
  if (!holder.local.address.is_any()) score += 4;
  if (holder.remote.port != 0) {
    if (!(holder.remote == from)) return -1;
    score += 8;
  }
  if (holder.interface != 0) {
    if (holder.interface != interface) return -1;
    score += 4;
  }
  return score;
}

std::uint64_t hash_of_ends(const HashKey& key, const InetEndpoint& to, const InetEndpoint& from) {
  struct {
    InetAddress to, from;
    std::uint16_t ports[2];
  } ends{to.address, from.address, {to.port, from.port}};
  return keyed_hash(key, &ends, sizeof(ends.to) + sizeof(ends.from) + sizeof(ends.ports));
}

// The best fit; of equals the latest, unless they share the port by SO_REUSEPORT.
template <typename Candidate>
PortHolder* find_locked(InetProtocol protocol, const InetEndpoint& to, const InetEndpoint& from,
                        std::uint32_t interface, Candidate candidate) REQUIRES(table->lock) {
  PortHolder* best = nullptr;
  int best_score = -1;
  std::uint64_t hash = 0;
  unsigned equals = 0;
  for (PortHolder& holder : table->bucket(protocol, to.port)) {
    if (!candidate(holder)) continue;
    const int score = fit(holder, to, from, interface);
    if (score < 0 || score < best_score) continue;
    if (score > best_score) {
      best = &holder;
      best_score = score;
      equals = 1;
    } else if (holder.reuse_port && best->reuse_port) {
      // Each of n equals is taken with probability 1/n, always the same for one pair of ends.
      if (equals == 1) hash = hash_of_ends(table->key, to, from);
      hash = hash * 6364136223846793005u + 1442695040888963407u;
      ++equals;
      if ((hash >> 32) % equals == 0) best = &holder;
    } else {
      best = &holder;
    }
  }
  return best;
}

}  // namespace

void initialise_port_table() {
  PortTable& made = table.construct();
  random_bytes(&made.key, sizeof(made.key));
}

Result<void> claim_port(InetProtocol protocol, PortHolder& holder, const PortClaim& claim) {
  SpinGuard guard(table->lock);
  std::uint16_t port = claim.local.port;
  if (port == 0) {
    port = choose_port_locked(protocol, claim);
    if (port == 0) return Errno::kEADDRINUSE;
  } else if (!port_is_free_locked(protocol, claim, port, Choice::kGiven)) {
    return Errno::kEADDRINUSE;
  }
  if (holder.table_hook.is_linked()) return Errno::kEINVAL;  // another thread was faster
  holder.local = claim.local;
  holder.local.port = port;
  holder.remote = {};
  holder.reuse_address = claim.reuse_address;
  holder.reuse_port = claim.reuse_port;
  holder.v6_only = claim.v6_only;
  holder.interface = claim.interface;
  holder.connected = holder.listening = false;
  table->bucket(protocol, port).push_back(holder);
  return {};
}

void share_port(PortHolder& holder, const InetEndpoint& local) {
  SpinGuard guard(table->lock);
  holder.local = local;
  holder.reuse_address = true;
  holder.connected = true;
  table->bucket(InetProtocol::kTcp, local.port).push_back(holder);
}

void release_port(InetProtocol protocol, PortHolder& holder) {
  SpinGuard guard(table->lock);
  if (!holder.table_hook.is_linked()) return;
  HolderList& bucket = table->bucket(protocol, holder.local.port);
  bucket.erase(bucket.iterator_to(holder));
  holder.local = holder.remote = {};
  holder.listening = holder.connected = false;
}

Result<void> mark_listening(PortHolder& holder) {
  SpinGuard guard(table->lock);
  const PortClaim claim{holder.local, holder.reuse_address, holder.reuse_port, holder.v6_only, holder.interface};
  for (const PortHolder& other : table->bucket(InetProtocol::kTcp, holder.local.port)) {
    if (&other == &holder || other.local.port != holder.local.port) continue;
    if (conflicts(InetProtocol::kTcp, claim, other, Choice::kGiven)) return Errno::kEADDRINUSE;
  }
  holder.listening = true;
  return {};
}

void unmark_listening(PortHolder& holder) {
  SpinGuard guard(table->lock);
  holder.listening = false;
}

void set_port_addresses(PortHolder& holder, const InetAddress& local, const InetEndpoint& remote) {
  SpinGuard guard(table->lock);
  holder.local.address = local;
  holder.remote = remote;
}

void mark_connected(PortHolder& holder) {
  SpinGuard guard(table->lock);
  holder.connected = true;
}

InetEndpoint port_of(const PortHolder& holder) {
  SpinGuard guard(table->lock);
  return holder.local;
}

bool visit_listener(const InetEndpoint& to, const InetEndpoint& from, PortVisitor visit, void* context) {
  SpinGuard guard(table->lock);
  PortHolder* found = find_locked(InetProtocol::kTcp, to, from, 0, [](const PortHolder& h) { return h.listening; });
  if (found == nullptr) return false;
  visit(found->socket, context);
  return true;
}

bool visit_datagram_socket(const InetEndpoint& to, const InetEndpoint& from, std::uint32_t interface, PortVisitor visit,
                           void* context) {
  SpinGuard guard(table->lock);
  PortHolder* found = find_locked(InetProtocol::kUdp, to, from, interface, [](const PortHolder&) { return true; });
  if (found == nullptr) return false;
  visit(found->socket, context);
  return true;
}

void visit_datagram_sockets(const InetEndpoint& to, const InetEndpoint& from, std::uint32_t interface,
                            PortVisitor visit, void* context) {
  SpinGuard guard(table->lock);
  for (PortHolder& holder : table->bucket(InetProtocol::kUdp, to.port)) {
    if (fit(holder, to, from, interface) >= 0) visit(holder.socket, context);
  }
}

void visit_port_holders(InetProtocol protocol, void (*visit)(const PortHolder& holder, void* context), void* context) {
  SpinGuard guard(table->lock);
  for (HolderList& bucket : table->buckets[static_cast<std::size_t>(protocol)]) {
    for (const PortHolder& holder : bucket) visit(holder, context);
  }
}

}  // namespace mokapot
