// SPDX-License-Identifier: Apache-2.0
//
// UDP through lwIP: one control block for each port that a socket is bound to, whatever the addresses, since the port
// table finds the sockets; and one for sending. Lock: the core lock.
#pragma once

#include "net/stack.h"
#include "net/udp_socket.h"

struct udp_pcb;

namespace mokapot {

class StackUdpPort : public RefCounted<StackUdpPort> {
 public:
  // Receives what comes for the port from now on. kENOBUFS.
  static Result<RefPtr<StackUdpPort>> open(std::uint16_t port);
  explicit StackUdpPort(std::uint16_t port) : port_(port) {}
  ~StackUdpPort();
  static void initialise();  // boot, once

  ListHook list_hook;  // the list of all, core lock

 private:
  void end() REQUIRES(net_core_lock());

  const std::uint16_t port_;
  udp_pcb* pcb_ GUARDED_BY(net_core_lock()) = nullptr;
};

// kENETUNREACH, kENOBUFS, kEMSGSIZE. The buffer needs room for headers before its bytes.
Result<void> send_datagram(const InetEndpoint& from, const InetEndpoint& to, const DatagramSettings& settings, pbuf* data);

}  // namespace mokapot
