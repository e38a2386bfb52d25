// SPDX-License-Identifier: Apache-2.0
#include "net/segment_merge.h"

#include <cstring>

#include "base/assert.h"
#include "net/checksum.h"

namespace mokapot {
namespace {

// Offsets of RFC 791, 8200 and 9293.
constexpr std::size_t kIpv4Length = 2, kIpv4Fragment = 6, kIpv4Protocol = 9,
                      kIpv4Checksum = 10, kIpv4Source = 12;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Length = 4, kIpv6NextHeader = 6, kIpv6Source = 8;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTcpSequence = 4, kTcpAcknowledged = 8, kTcpOffset = 12, kTcpFlags = 13, kTcpWindow = 14,
                      kTcpChecksum = 16, kTcpHeader = 20;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint8_t kFin = 0x01, kPsh = 0x08, kAck = 0x10;
constexpr std::uint16_t kFragmentBits = 0x3fff;  // more fragments, and the offset

std::uint8_t byte_at(const std::byte* at) { return std::to_integer<std::uint8_t>(*at); }
std::uint16_t load16(const std::byte* at) { return static_cast<std::uint16_t>(byte_at(at) << 8 | byte_at(at + 1)); }
std::uint32_t load32(const std::byte* at) {
  return static_cast<std::uint32_t>(load16(at)) << 16 | load16(at + 2);
}
void store16(std::byte* at, std::size_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value);
}
bool same(const std::byte* a, const std::byte* b, std::size_t from, std::size_t to) {
  return std::memcmp(a + from, b + from, to - from) == 0;
}

// All but length, identification and checksum, which differ from packet to packet.
bool same_ipv4(const std::byte* a, const std::byte* b) {
  return same(a, b, 0, kIpv4Length) && same(a, b, kIpv4Fragment, kIpv4Checksum) && same(a, b, kIpv4Source, kIpv4Header);
}
bool same_ipv6(const std::byte* a, const std::byte* b) {
  return same(a, b, 0, kIpv6Length) && same(a, b, kIpv6NextHeader, kIpv6Header);
}
// Ports, acknowledgement, header length, window and options. By words, since it is done for each segment; a header is a
// number of whole ones.
bool same_tcp(const std::byte* a, const std::byte* b, std::size_t header) {
  const auto difference = [a, b](std::size_t at) {
    std::uint32_t left = 0, right = 0;
    std::memcpy(&left, a + at, sizeof(left));
    std::memcpy(&right, b + at, sizeof(right));
    return left ^ right;
  };
  std::uint32_t found = difference(0) | difference(kTcpAcknowledged);
  for (std::size_t at = kTcpHeader; at < header; at += sizeof(found)) found |= difference(at);
  return found == 0 && a[kTcpOffset] == b[kTcpOffset] && load16(a + kTcpWindow) == load16(b + kTcpWindow);
}

}  // namespace

std::uint16_t tcp_header_size(std::span<const std::byte> tcp) {
  return static_cast<std::uint16_t>((byte_at(&tcp[kTcpOffset]) >> 4) * 4);
}

std::optional<TcpPacket> parse_tcp_packet(std::span<const std::byte> start, std::size_t size) {
  if (start.size() < kIpv4Header || size > SegmentMerge::kMaxPacket + kIpv6Header) return std::nullopt;
  TcpPacket packet;
  const std::uint8_t version = byte_at(start.data()) >> 4;
  if (version == 4) {
    if (byte_at(start.data()) != 0x45 || byte_at(&start[kIpv4Protocol]) != kProtocolTcp) return std::nullopt;
    if ((load16(&start[kIpv4Fragment]) & kFragmentBits) != 0 || load16(&start[kIpv4Length]) != size) return std::nullopt;
    packet.ip_header = kIpv4Header;
  } else {
    if (version != 6 || start.size() < kIpv6Header || byte_at(&start[kIpv6NextHeader]) != kProtocolTcp) return std::nullopt;
    if (load16(&start[kIpv6Length]) + kIpv6Header != size) return std::nullopt;
    packet.ipv6 = true;
    packet.ip_header = kIpv6Header;
  }
  if (start.size() < packet.ip_header + kTcpHeader) return std::nullopt;
  packet.tcp_header = tcp_header_size(start.subspan(packet.ip_header));
  if (packet.tcp_header < kTcpHeader || packet.headers() > start.size() || packet.headers() > size) return std::nullopt;
  packet.payload = static_cast<std::uint32_t>(size - packet.headers());
  return packet;
}

void SegmentMerge::begin(std::span<const std::byte> headers, const TcpPacket& packet) {
  ASSERT(headers.size() == kEthernetHeader + packet.headers() && headers.size() <= kMaxHeaders);
  std::memcpy(headers_, headers.data(), headers.size());
  packet_ = packet;
  const std::byte* tcp = ip() + packet.ip_header;
  total_payload_ = packet.payload;
  last_payload_ = packet.last_payload();
  next_sequence_ = load32(tcp + kTcpSequence) + packet.payload;
  segments_ = packet.segments();
  last_flags_ = byte_at(tcp + kTcpFlags) & (kPsh | kFin);
}

bool SegmentMerge::comes_next(const std::byte* tcp, const TcpPacket& packet) const {
  if (packet.ipv6 != packet_.ipv6 || packet.headers() != packet_.headers() || packet.payload == 0) return false;
  // A segment smaller than the first was the last; nothing follows the end of the stream.
  const std::uint32_t size = packet_.first_payload();
  if (last_payload_ != size || packet.first_payload() > size || (last_flags_ & kFin) != 0) return false;
  if (packet.cut != 0 && packet.cut != size) return false;
  if (packet_.headers() + total_payload_ + packet.payload > kMaxPacket) return false;
  const std::byte* first_tcp = ip() + packet_.ip_header;
  if (!same_tcp(first_tcp, tcp, packet_.tcp_header) || load32(tcp + kTcpSequence) != next_sequence_) return false;
  // SYN, RST and URG have a meaning for one segment; so has ECN's CWR, which offload would repeat or move.
  const auto plain = [](std::uint8_t flags) { return (flags & ~(kPsh | kFin)) == kAck; };
  return plain(byte_at(first_tcp + kTcpFlags)) && plain(byte_at(tcp + kTcpFlags));
}

bool SegmentMerge::can_append(std::span<const std::byte> headers, const TcpPacket& packet) const {
  const std::byte* other_ip = headers.data() + kEthernetHeader;
  if (!comes_next(other_ip + packet.ip_header, packet)) return false;
  if (!same(headers_, headers.data(), 0, kEthernetHeader)) return false;
  return packet_.ipv6 ? same_ipv6(ip(), other_ip) : same_ipv4(ip(), other_ip);
}

bool SegmentMerge::can_append_segment(std::span<const std::byte> addresses, std::span<const std::byte> tcp,
                                      const TcpPacket& packet) const {
  const std::size_t at = packet_.ipv6 ? kIpv6Source : kIpv4Source;
  return comes_next(tcp.data(), packet) && std::memcmp(ip() + at, addresses.data(), addresses.size()) == 0;
}

void SegmentMerge::append(std::span<const std::byte> headers, const TcpPacket& packet) {
  append_segment(headers.subspan(kEthernetHeader + packet.ip_header), packet);
}

void SegmentMerge::append_segment(std::span<const std::byte> tcp, const TcpPacket& packet) {
  last_payload_ = packet.last_payload();
  total_payload_ += packet.payload;
  next_sequence_ += packet.payload;
  segments_ += packet.segments();
  last_flags_ |= byte_at(&tcp[kTcpFlags]) & (kPsh | kFin);
}

NetOffload SegmentMerge::finish() {
  std::byte* const tcp = ip() + packet_.ip_header;
  const std::size_t tcp_size = packet_.tcp_header + total_payload_;
  NetOffload offload;
  offload.needs_checksum = true;
  offload.checksum_start = static_cast<std::uint16_t>(kEthernetHeader + packet_.ip_header);
  offload.checksum_offset = kTcpChecksum;
  if (segments_ > 1) {
    offload.segmentation = packet_.ipv6 ? NetOffload::Segmentation::kTcp6 : NetOffload::Segmentation::kTcp4;
    offload.segment_size = static_cast<std::uint16_t>(packet_.first_payload());
    offload.header_length = static_cast<std::uint16_t>(kEthernetHeader + packet_.headers());
    tcp[kTcpFlags] |= std::byte{last_flags_};
    if (packet_.ipv6) {
      store16(ip() + kIpv6Length, tcp_size);
    } else {
      store16(ip() + kIpv4Length, packet_.ip_header + tcp_size);
      store16(ip() + kIpv4Checksum, 0);
      const std::uint16_t sum = static_cast<std::uint16_t>(~internet_sum(ip(), kIpv4Header));
      std::memcpy(ip() + kIpv4Checksum, &sum, sizeof(sum));
    }
  }
  // The device adds the segment to what it finds in the field: the pseudo header's sum.
  std::byte pseudo[40] = {};
  const std::size_t addresses = packet_.ipv6 ? 32 : 8;
  std::memcpy(pseudo, ip() + (packet_.ipv6 ? kIpv6Source : kIpv4Source), addresses);
  store16(pseudo + addresses, tcp_size);
  store16(pseudo + addresses + 2, kProtocolTcp);
  const std::uint16_t sum = internet_sum(pseudo, addresses + 4);
  std::memcpy(tcp + kTcpChecksum, &sum, sizeof(sum));
  return offload;
}

}  // namespace mokapot
