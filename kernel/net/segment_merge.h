// SPDX-License-Identifier: Apache-2.0
//
// TCP segments that follow each other, merged into one packet which the device cuts up again (segmentation
// offload). Some are for the device to cut up from the start, and then are as many. Pure functions over the packets'
// headers; whoever uses it keeps the payloads. No locks, any context.
//
// Segments may be merged where the device would make the same ones again: one connection, consecutive sequence
// numbers, all but the last of one size, and headers that differ only in what the device counts on. PSH and FIN
// move to the last one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "device/net_device.h"

namespace mokapot {

inline constexpr std::size_t kEthernetHeader = 14;

// A TCP segment in an IP packet, by lengths. IPv4 options and IPv6 extension headers: not one of these.
struct TcpPacket {
  bool ipv6 = false;
  std::uint16_t ip_header = 0, tcp_header = 0;
  std::uint32_t payload = 0;
  std::uint16_t cut = 0;  // the payload of each segment that the device is to make of it; 0: it is one
  std::uint32_t first_payload() const { return cut != 0 ? cut : payload; }
  std::uint32_t last_payload() const { return cut != 0 ? (payload - 1) % cut + 1 : payload; }
  std::size_t segments() const { return cut != 0 ? (payload + cut - 1) / cut : 1; }
  std::uint16_t headers() const { return static_cast<std::uint16_t>(ip_header + tcp_header); }
};
// `start`: the packet's first bytes, from its IP header on; `size`: of the whole packet.
std::optional<TcpPacket> parse_tcp_packet(std::span<const std::byte> start, std::size_t size);

// What a TCP header says of its own size; it has its 20 fixed bytes.
std::uint16_t tcp_header_size(std::span<const std::byte> tcp);

class SegmentMerge {
 public:
  static constexpr std::size_t kMaxHeaders = kEthernetHeader + 60 + 60;
  static constexpr std::size_t kMaxPacket = 0xffff;  // of IP

  // A frame's headers, Ethernet's first, as parse_tcp_packet understood them.
  void begin(std::span<const std::byte> headers, const TcpPacket& packet);
  bool can_append(std::span<const std::byte> headers, const TcpPacket& packet) const;
  void append(std::span<const std::byte> headers, const TcpPacket& packet);
  // The same for a segment without headers below TCP's: between these addresses, as they lie in an IP header.
  bool can_append_segment(std::span<const std::byte> addresses, std::span<const std::byte> tcp, const TcpPacket& packet) const;
  void append_segment(std::span<const std::byte> tcp, const TcpPacket& packet);

  // Completes lengths, flags and checksums: the headers of the packet to send, and what is left to the device.
  NetOffload finish();
  std::span<const std::byte> headers() const { return {headers_, kEthernetHeader + packet_.headers()}; }
  std::size_t segments() const { return segments_; }
  std::uint32_t payload() const { return total_payload_; }

 private:
  // Whether a segment with this TCP header comes next and may be merged.
  bool comes_next(const std::byte* tcp, const TcpPacket& packet) const;
  std::byte* ip() { return headers_ + kEthernetHeader; }
  const std::byte* ip() const { return headers_ + kEthernetHeader; }

  alignas(4) std::byte headers_[kMaxHeaders];
  TcpPacket packet_;                  // the first segment, or what is to be cut into the first ones
  std::uint32_t total_payload_ = 0, last_payload_ = 0, next_sequence_ = 0;
  std::size_t segments_ = 0;
  std::uint8_t last_flags_ = 0;       // PSH and FIN seen so far
};

}  // namespace mokapot
