// SPDX-License-Identifier: Apache-2.0
//
// Which socket has which port, with Linux's rules of who may share one (SO_REUSEADDR, SO_REUSEPORT, wildcards,
// IPV6_V6ONLY), and the look-up of the socket that a connection or a datagram is for. lwIP's own lists are
// not asked: it never sees two sockets of one port apart, and connections within the VM do not pass through it.
//
// Lock: one spinlock (rank kPortTable). Whoever looks a socket up works on it inside the visitor, under the lock:
// a socket leaves the table before it dies, so it is alive there without a reference. Thread context.
#pragma once

#include <cstdint>

#include "base/intrusive.h"
#include "net/inet_address.h"
#include "sync/spinlock.h"

namespace mokapot {

class InetSocket;

enum class InetProtocol : std::uint8_t { kTcp, kUdp };

// A socket's place in the table. Fields are the table's.
class PortHolder {
 public:
  explicit PortHolder(InetSocket& s) : socket(s) {}

  InetSocket& socket;
  ListHook table_hook;  // the port's list
  InetEndpoint local;   // port 0: not in the table
  InetEndpoint remote;  // of a connected datagram socket; port 0: takes from everybody
  std::uint32_t interface = 0;  // SO_BINDTODEVICE; 0: any
  bool connected = false;       // a TCP connection: never found by look-ups
  bool listening = false;
  bool reuse_address = false, reuse_port = false;
  V6Only v6_only = V6Only::kNo;
};

struct PortClaim {
  InetEndpoint local;  // port 0: any free one
  bool reuse_address = false, reuse_port = false;
  V6Only v6_only = V6Only::kNo;
  std::uint32_t interface = 0;
};

void initialise_port_table();  // boot

// Enters a holder that is not in the table. kEADDRINUSE.
Result<void> claim_port(InetProtocol protocol, PortHolder& holder, const PortClaim& claim);
// Enters the holder of an accepted connection beside its listener; no rule forbids that.
void share_port(PortHolder& holder, const InetEndpoint& local);
void release_port(InetProtocol protocol, PortHolder& holder);  // fine if it is not in the table
// kEADDRINUSE: another socket listens there and does not share.
Result<void> mark_listening(PortHolder& holder);
void unmark_listening(PortHolder& holder);
// For sockets that change after bind: a UDP socket's peer and address, a TCP client's address.
void set_port_addresses(PortHolder& holder, const InetAddress& local, const InetEndpoint& remote);
void mark_connected(PortHolder& holder);

InetEndpoint port_of(const PortHolder& holder);  // its local end

// Calls visit under the table's lock for the listener that a connection from `from` to `to` is for. SO_REUSEPORT
// listeners share by a hash of both ends. False: there is none. visit must not block.
using PortVisitor = void (*)(InetSocket& socket, void* context);
bool visit_listener(const InetEndpoint& to, const InetEndpoint& from, PortVisitor visit, void* context);
// As above for the UDP socket that a unicast datagram is for.
bool visit_datagram_socket(const InetEndpoint& to, const InetEndpoint& from, std::uint32_t interface, PortVisitor visit,
                           void* context);
// Every UDP socket that a multicast or broadcast datagram may be for; memberships are the visitor's to check.
void visit_datagram_sockets(const InetEndpoint& to, const InetEndpoint& from, std::uint32_t interface,
                            PortVisitor visit, void* context);
// All sockets of a protocol that have a port, for /proc/net.
void visit_port_holders(InetProtocol protocol, void (*visit)(const PortHolder& holder, void* context), void* context);

}  // namespace mokapot
