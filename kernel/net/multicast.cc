// SPDX-License-Identifier: Apache-2.0
#include "net/multicast.h"

#include <algorithm>

#include "base/global.h"
#include "net/interfaces.h"
#include "net/lwip_address.h"

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/netif.h"

namespace mokapot {
namespace {

// net.ipv4.igmp_max_memberships and igmp_max_msf.
constexpr std::size_t kMostMemberships = 20, kMostSources = 10;

struct JoinedGroup {
  InetAddress group;
  std::uint32_t interface = 0;
  std::uint32_t sockets = 0;
};
constinit Global<Vector<JoinedGroup>> joined GUARDED_BY(net_core_lock());

JoinedGroup* find_joined(const InetAddress& group, std::uint32_t interface) REQUIRES(net_core_lock()) {
  if (!joined.constructed()) joined.construct();
  for (JoinedGroup& one : *joined) {
    if (one.interface == interface && one.group == group) return &one;
  }
  return nullptr;
}

// Tells the interface; loopback need not know, since what it carries is handed over directly.
void tell_interface(const InetAddress& group, std::uint32_t interface, bool joins) REQUIRES(net_core_lock()) {
  netif* record = netif_get_by_index(static_cast<u8_t>(interface));
  if (record == nullptr || (record->flags & NETIF_FLAG_ETHERNET) == 0) return;
  const ip_addr_t address = to_lwip(group, interface);
  if (group.is_v4()) {
    (joins ? igmp_joingroup_netif : igmp_leavegroup_netif)(record, ip_2_ip4(&address));
  } else {
    (joins ? mld6_joingroup_netif : mld6_leavegroup_netif)(record, ip_2_ip6(&address));
  }
}

Result<void> join_interface(const InetAddress& group, std::uint32_t interface) REQUIRES(net_core_lock()) {
  JoinedGroup* one = find_joined(group, interface);
  if (one != nullptr) {
    ++one->sockets;
    return {};
  }
  TRY(joined->push_back({group, interface, 1}));
  tell_interface(group, interface, true);
  return {};
}

void leave_interface(const InetAddress& group, std::uint32_t interface) REQUIRES(net_core_lock()) {
  JoinedGroup* one = find_joined(group, interface);
  if (one == nullptr || --one->sockets != 0) return;
  *one = joined->back();
  joined->pop_back();
  tell_interface(group, interface, false);
}

}  // namespace

bool group_is_joined(const InetAddress& group, std::uint32_t interface) {
  return find_joined(group, interface) != nullptr;
}

GroupMemberships::~GroupMemberships() {
  const NetCoreGuard core;
  for (Membership& membership : memberships_) leave_interface(membership.group, membership.interface);
}

GroupMemberships::Membership* GroupMemberships::find(const InetAddress& group, std::uint32_t interface) {
  for (Membership& membership : memberships_) {
    if (membership.interface == interface && membership.group == group) return &membership;
  }
  return nullptr;
}

Result<GroupMemberships::Membership*> GroupMemberships::add(const InetAddress& group, std::uint32_t interface,
                                                           bool only_listed) {
  if (memberships_.size() >= kMostMemberships) return Errno::kENOBUFS;
  if (netif_get_by_index(static_cast<u8_t>(interface)) == nullptr) return Errno::kENODEV;
  TRY(join_interface(group, interface));
  Membership fresh;
  fresh.group = group;
  fresh.interface = interface;
  fresh.only_listed = only_listed;
  SpinGuard guard(lock_);
  Result<void> kept = memberships_.push_back(std::move(fresh));
  if (!kept.ok()) {
    leave_interface(group, interface);
    return kept.error();
  }
  return &memberships_.back();
}

void GroupMemberships::remove(Membership& membership) {
  leave_interface(membership.group, membership.interface);
  SpinGuard guard(lock_);
  if (&membership != &memberships_.back()) membership = std::move(memberships_.back());
  memberships_.pop_back();
}

Result<void> GroupMemberships::join(const InetAddress& group, std::uint32_t interface) {
  if (!group.is_multicast()) return Errno::kEINVAL;
  if (interface == 0) interface = TRY(interface_for_group(group));
  const NetCoreGuard core;
  if (find(group, interface) != nullptr) return Errno::kEADDRINUSE;
  TRY(add(group, interface, false));
  return {};
}

Result<void> GroupMemberships::leave(const InetAddress& group, std::uint32_t interface) {
  if (!group.is_multicast()) return Errno::kEINVAL;
  const NetCoreGuard core;
  for (Membership& membership : memberships_) {
    if (!(membership.group == group) || (interface != 0 && membership.interface != interface)) continue;
    remove(membership);
    return {};
  }
  return Errno::kEADDRNOTAVAIL;
}

Result<void> GroupMemberships::change_source(SourceChange change, const InetAddress& group, std::uint32_t interface,
                                             const InetAddress& source) {
  if (!group.is_multicast()) return Errno::kEINVAL;
  if (interface == 0) interface = TRY(interface_for_group(group));
  const NetCoreGuard core;
  Membership* membership = find(group, interface);
  const bool includes = change == SourceChange::kJoin || change == SourceChange::kLeave;
  if (membership == nullptr && change == SourceChange::kJoin) membership = TRY(add(group, interface, true));
  if (membership == nullptr) return change == SourceChange::kLeave ? Errno::kEADDRNOTAVAIL : Errno::kEINVAL;
  if (membership->only_listed != includes) return Errno::kEINVAL;
  const bool adds = change == SourceChange::kJoin || change == SourceChange::kBlock;
  Vector<InetAddress>& sources = membership->sources;
  InetAddress* known = std::find(sources.begin(), sources.end(), source);
  if (adds) {
    if (known != sources.end()) return Errno::kEADDRNOTAVAIL;
    if (sources.size() >= kMostSources) return Errno::kENOBUFS;
    SpinGuard guard(lock_);
    return sources.push_back(source);
  }
  if (known == sources.end()) return Errno::kEADDRNOTAVAIL;
  // Who has left the last source has left the group.
  if (includes && sources.size() == 1) {
    remove(*membership);
    return {};
  }
  SpinGuard guard(lock_);
  *known = sources.back();
  sources.pop_back();
  return {};
}

GroupMemberships::Verdict GroupMemberships::judge(const InetAddress& group, std::uint32_t interface,
                                                  const InetAddress& source) {
  SpinGuard guard(lock_);
  for (const Membership& membership : memberships_) {
    if (membership.interface != interface || !(membership.group == group)) continue;
    const bool listed = std::find(membership.sources.begin(), membership.sources.end(), source) != membership.sources.end();
    return listed == membership.only_listed ? Verdict::kMember : Verdict::kFilteredOut;
  }
  return Verdict::kNotMember;
}

}  // namespace mokapot
