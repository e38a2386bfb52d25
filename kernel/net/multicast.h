// SPDX-License-Identifier: Apache-2.0
//
// Membership of multicast groups: which groups a socket has joined, on which interface, and from which sources; and
// the sum over all sockets, which is what the interfaces join.
//
// Locks: a socket's list, its own spinlock (rank kReadiness); the sum, the core lock. Changes are serialised by the
// core lock. Thread context.
#pragma once

#include "base/intrusive.h"
#include "base/vector.h"
#include "net/inet_address.h"
#include "net/stack.h"
#include "sync/spinlock.h"

namespace mokapot {

class GroupMemberships {
 public:
  GroupMemberships() = default;
  ~GroupMemberships();  // leaves all

  // interface 0: the one that the route to the group goes by. kENODEV, kEADDRINUSE, kEADDRNOTAVAIL, kENOBUFS, kEINVAL.
  Result<void> join(const InetAddress& group, std::uint32_t interface);
  Result<void> leave(const InetAddress& group, std::uint32_t interface);
  enum class SourceChange : std::uint8_t { kJoin, kLeave, kBlock, kUnblock };
  Result<void> change_source(SourceChange change, const InetAddress& group, std::uint32_t interface,
                             const InetAddress& source);

  enum class Verdict : std::uint8_t { kMember, kFilteredOut, kNotMember };
  Verdict judge(const InetAddress& group, std::uint32_t interface, const InetAddress& source);

 private:
  struct Membership {
    InetAddress group;
    std::uint32_t interface = 0;
    bool only_listed = false;      // sources_ are those wanted, not those blocked
    Vector<InetAddress> sources;
  };
  Membership* find(const InetAddress& group, std::uint32_t interface) REQUIRES(net_core_lock());
  Result<Membership*> add(const InetAddress& group, std::uint32_t interface, bool only_listed) REQUIRES(net_core_lock());
  void remove(Membership& membership) REQUIRES(net_core_lock());

  SpinLock lock_{LockRank::kReadiness};
  Vector<Membership> memberships_;  // read under lock_ or the core lock, changed under both
};

// Whether any socket has joined the group there.
bool group_is_joined(const InetAddress& group, std::uint32_t interface) REQUIRES(net_core_lock());

}  // namespace mokapot
