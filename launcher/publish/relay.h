// SPDX-License-Identifier: Apache-2.0
//
// Carries TCP connections from listening sockets of ours to an address of the host: to the ports
// that QEMU's user networking listens on, which it can do on IPv4 addresses only.
//
// A connection is carried byte by byte with its ends: one side's end of output is passed on when
// all before it is, a reset at once. Nothing blocks. The owner polls fd() and calls pump().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "net/ip_address.h"
#include "support/unique_fd.h"

namespace moka {

class Relay {
 public:
  Relay();
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Readable when pump() has something to do.
  int fd() const { return events_.get(); }
  void pump();

  // Begins to accept on a bound, non-blocking socket; what connects is carried to `address` and
  // `port`. The number for close(), or 0 where the host refuses.
  std::uint64_t open(UniqueFd socket, const IpAddress& address, std::uint16_t port);
  // Accepts no more. Connections that are open go on.
  void close(std::uint64_t listener);

  std::size_t connections() const { return connections_.size(); }

 private:
  class Connection;
  struct Listener {
    UniqueFd socket;
    IpAddress address;
    std::uint16_t port;
    bool is_paused = false;  // no descriptors are left: until a connection ends
  };

  void accept_some(std::uint64_t number, Listener& listener);
  void resume_listeners();

  UniqueFd events_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Listener> listeners_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
};

}  // namespace moka
