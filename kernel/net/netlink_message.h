// SPDX-License-Identifier: Apache-2.0
//
// rtnetlink's messages: what dumps answer, laid out as rtnetlink(7) says. Any context but for the list of interfaces,
// which takes the core lock.
#pragma once

#include <cstdint>
#include <span>

#include "base/vector.h"

namespace mokapot {

struct NetlinkHeader {
  std::uint32_t size;
  std::uint16_t type, flags;
  std::uint32_t sequence, port;
};
static_assert(sizeof(NetlinkHeader) == 16);

inline constexpr std::uint16_t kNetlinkError = 2, kNetlinkDone = 3;
inline constexpr std::uint16_t kNetlinkRequest = 1, kNetlinkMulti = 2, kNetlinkAcknowledge = 4, kNetlinkDump = 0x300;
inline constexpr std::uint16_t kGetLink = 18, kGetAddress = 22, kGetRoute = 26;

// A datagram of messages that grows. Failure to grow is kept: ok().
class NetlinkWriter {
 public:
  NetlinkWriter(std::uint32_t sequence, std::uint32_t port) : sequence_(sequence), port_(port) {}
  void begin(std::uint16_t type, std::uint16_t flags, const void* body, std::size_t size);
  void attribute(std::uint16_t type, const void* data, std::size_t size);
  void end();
  bool ok() const { return ok_; }
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), bytes_.size()}; }

 private:
  void append(const void* data, std::size_t size);
  Vector<std::uint8_t> bytes_;
  std::size_t begin_ = 0;
  const std::uint32_t sequence_, port_;
  bool ok_ = true;
};

// The answer to a dump of links, addresses or routes of a family (AF_UNSPEC: both). False: no such dump.
bool write_dump(NetlinkWriter& to, std::uint16_t type, int family);

// What groups are told, of one link or address as it is now, or was.
struct Interface;
struct InterfaceAddress;
enum class NetlinkChange : std::uint8_t { kNew, kGone };
void write_link_news(NetlinkWriter& to, const Interface& one);
void write_address_news(NetlinkWriter& to, const Interface& one, const InterfaceAddress& address, NetlinkChange change);

}  // namespace mokapot
