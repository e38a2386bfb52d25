// SPDX-License-Identifier: Apache-2.0
#include "net/transmit_path.h"

#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "memory/frames.h"
#include "memory/heap.h"
#include "net/cited_buffer.h"

#include "lwip/netif.h"
#include "lwip/pbuf.h"

namespace mokapot {
namespace {

// Frames up to this size are copied whole: cheaper than a descriptor and a reference.
constexpr std::size_t kSmallFrame = 256;

constexpr std::size_t kIpv4Addresses = 8;  // both
constexpr std::uint16_t kIpv4Header = 20, kIpv6Header = 40;

std::span<const std::byte> bytes_of(const pbuf& buffer) {
  return {static_cast<const std::byte*>(buffer.payload), buffer.len};
}

// Memory that may change or go away before the device reads it, or whose physical address is not known here.
bool must_be_copied(const pbuf* packet) {
  for (; packet != nullptr; packet = packet->next)
    if (PBUF_NEEDS_COPY(packet) || !is_readable_by_devices(from_direct_map(packet->payload))) return true;
  return false;
}

}  // namespace

std::size_t TransmitPath::count_pieces(const pbuf* packet, std::size_t skip) {
  std::size_t pieces = 0;
  for (; packet != nullptr; packet = packet->next) {
    if (packet->len > skip) ++pieces;
    skip -= packet->len > skip ? skip : packet->len;
  }
  return pieces;
}

std::size_t TransmitPath::cite(pbuf* packet, std::size_t skip, Piece* pieces, std::size_t count) {
  for (; packet != nullptr; packet = packet->next) {
    const std::size_t skipped = packet->len > skip ? skip : packet->len;
    skip -= skipped;
    if (skipped == packet->len) continue;
    const auto bytes = bytes_of(*packet).subspan(skipped);
    // Segments cut from one buffer lie behind each other in it: one piece, kept alive by the first one's reference. The
    // device, for which each piece is a descriptor to look up and map, has a twentieth of the work.
    if (count != 0) {
      Piece& last = pieces[count - 1];
      if (last.bytes.data() + last.bytes.size() == bytes.data() && &owner_of(*last.buffer) == &owner_of(*packet)) {
        last.bytes = {last.bytes.data(), last.bytes.size() + bytes.size()};
        continue;
      }
    }
    // Each on its own: a chain may be cut or grow while the device has it.
    pbuf_ref(packet);
    pieces[count++] = {packet, bytes};
  }
  return count;
}

// On its way to the device or in the backlog. Followed in memory by piece_count pieces.
struct TransmitPath::Frame {
  Frame* next = nullptr;
  NetOffload offload;
  std::uint16_t header_size = 0;
  std::uint16_t piece_count = 0;
  std::byte header[kSmallFrame];

  Piece* pieces() { return reinterpret_cast<Piece*>(this + 1); }  // SAFETY: allocated with room for them
};

void TransmitPath::finish(void* context) {
  auto* frame = static_cast<Frame*>(context);
  for (std::size_t i = 0; i < frame->piece_count; ++i) pbuf_free(frame->pieces()[i].buffer);
  heap_free(frame);
}

Result<void> TransmitPath::submit(std::span<const std::byte> header, const NetOffload& offload, std::span<Piece> pieces,
                                  std::size_t packets, std::size_t bytes) {
  void* memory = backlog_size_ < kMaxBacklog ? heap_allocate(sizeof(Frame) + pieces.size() * sizeof(Piece)) : nullptr;
  if (memory == nullptr) {
    for (const Piece& piece : pieces) pbuf_free(piece.buffer);
    counters_.dropped += packets;
    return Errno::kENOMEM;
  }
  auto* frame = new (memory) Frame;
  frame->offload = offload;
  frame->header_size = static_cast<std::uint16_t>(header.size());
  std::memcpy(frame->header, header.data(), header.size());
  frame->piece_count = static_cast<std::uint16_t>(pieces.size());
  std::uninitialized_copy(pieces.begin(), pieces.end(), frame->pieces());
  if (backlog_first_ == nullptr) {
    const Result<void> sent = try_transmit(*frame);
    if (!sent.ok() && sent.error() != Errno::kENOBUFS) {  // a device that has failed will never have room
      finish(frame);
      counters_.dropped += packets;
      return sent;
    }
    if (!sent.ok()) {
      backlog_first_ = backlog_last_ = frame;
      backlog_size_ = 1;
    }
  } else {
    backlog_last_->next = frame;
    backlog_last_ = frame;
    ++backlog_size_;
  }
  counters_.packets += packets;
  counters_.bytes += bytes;
  return {};
}

Result<void> TransmitPath::try_transmit(Frame& frame) {
  PhysSegment segments[kMaxSegments];
  std::size_t count = 0;
  segments[count++] = {from_direct_map(frame.header), frame.header_size};
  ASSERT(frame.piece_count < kMaxSegments);
  for (const Piece& piece : std::span(frame.pieces(), frame.piece_count))
    segments[count++] = {from_direct_map(piece.bytes.data()), static_cast<std::uint32_t>(piece.bytes.size())};
  TRY(device_.transmit(kQueue, {.segments = {segments, count}, .offload = frame.offload, .done = finish, .context = &frame}));
  kick_due_ = true;
  return {};
}

std::uint8_t TransmitPath::segmentation() const {
  if (!capabilities_.checksum) return 0;
  return static_cast<std::uint8_t>((capabilities_.tcp4_segmentation ? NETIF_SEGMENTATION_TCP4 : 0) |
                                   (capabilities_.tcp6_segmentation ? NETIF_SEGMENTATION_TCP6 : 0));
}

bool TransmitPath::may_merge(const TcpPacket& tcp) const {
  return tcp.payload > 0 && (tcp.ipv6 ? capabilities_.tcp6_segmentation : capabilities_.tcp4_segmentation);
}

Result<void> TransmitPath::flush_merged() {
  if (merged_count_ == 0) return {};
  const NetOffload offload = merge_.finish();
  const std::size_t bytes = merge_.payload() + merge_.segments() * merge_.headers().size();
  const std::span<Piece> pieces(merged_, merged_count_);
  merged_count_ = 0;
  return submit(merge_.headers(), offload, pieces, merge_.segments(), bytes);
}

Result<void> TransmitPath::send_tcp(std::span<const std::byte, kEthernetHeader> ethernet, pbuf* packet,
                                    const TcpPacket& tcp) {
  std::byte headers[SegmentMerge::kMaxHeaders];
  std::memcpy(headers, ethernet.data(), kEthernetHeader);
  std::memcpy(headers + kEthernetHeader, packet->payload, tcp.headers());
  const std::span<const std::byte> header(headers, kEthernetHeader + tcp.headers());

  const std::size_t pieces = count_pieces(packet, tcp.headers());
  const bool fits = 1 + merged_count_ + pieces <= most_segments_;
  if (merged_count_ > 0 && fits && may_merge(tcp) && merge_.can_append(header, tcp)) {
    merge_.append(header, tcp);
  } else {
    TRY(flush_merged());
    merge_.begin(header, tcp);
  }
  merged_count_ = cite(packet, tcp.headers(), merged_, merged_count_);
  return may_merge(tcp) ? Result<void>() : flush_merged();
}

bool TransmitPath::continue_segments(pbuf* segment, std::span<const std::byte> addresses) {
  if (merged_count_ == 0) return false;
  const std::span<const std::byte> tcp = bytes_of(*segment);
  TcpPacket packet;
  packet.ipv6 = addresses.size() != kIpv4Addresses;
  packet.ip_header = packet.ipv6 ? kIpv6Header : kIpv4Header;
  packet.tcp_header = tcp_header_size(tcp);
  packet.payload = static_cast<std::uint32_t>(segment->tot_len - packet.tcp_header);
  packet.cut = segment->segment_size;
  if (1 + merged_count_ + count_pieces(segment, packet.tcp_header) > most_segments_) return false;
  if (must_be_copied(segment) || !merge_.can_append_segment(addresses, tcp, packet)) return false;
  merge_.append_segment(tcp, packet);
  merged_count_ = cite(segment, packet.tcp_header, merged_, merged_count_);
  return true;
}

Result<void> TransmitPath::send(std::span<const std::byte, kEthernetHeader> ethernet, pbuf* packet) {
  const bool small = kEthernetHeader + packet->tot_len <= kSmallFrame;
  std::optional<TcpPacket> tcp;
  if (capabilities_.checksum) tcp = parse_tcp_packet(bytes_of(*packet), packet->tot_len);
  if (tcp) tcp->cut = packet->segment_size;

  if (small && (!tcp || tcp->payload == 0)) {
    TRY(flush_merged());
    std::byte frame[kSmallFrame];
    const std::size_t size = kEthernetHeader + packet->tot_len;
    std::memcpy(frame, ethernet.data(), kEthernetHeader);
    pbuf_copy_partial(packet, frame + kEthernetHeader, packet->tot_len, 0);
    NetOffload offload;
    if (tcp) {
      merge_.begin({frame, size}, *tcp);
      offload = merge_.finish();
      return submit(merge_.headers(), offload, {}, 1, size);
    }
    return submit({frame, size}, offload, {}, 1, size);
  }

  // What is cited is referenced, so a copy need not be kept.
  struct Owner {
    pbuf* copy = nullptr;
    ~Owner() { if (copy != nullptr) pbuf_free(copy); }
  } owner;
  if (must_be_copied(packet) || 1 + count_pieces(packet, 0) > most_segments_) {
    owner.copy = pbuf_clone(PBUF_RAW, PBUF_RAM, packet);
    if (owner.copy == nullptr) {
      ++counters_.dropped;
      return Errno::kENOMEM;
    }
    packet = owner.copy;
  }
  if (tcp) return send_tcp(ethernet, packet, *tcp);
  TRY(flush_merged());
  Piece pieces[kMaxSegments];
  const std::size_t count = cite(packet, 0, pieces, 0);
  return submit(ethernet, NetOffload(), {pieces, count}, 1, kEthernetHeader + packet->tot_len);
}

bool TransmitPath::flush() {
  (void)flush_merged().ok();  // a frame that finds no memory is counted, and TCP sends it again
  return std::exchange(kick_due_, false) && device_.publish(kQueue);
}

void TransmitPath::resume() {
  while (backlog_first_ != nullptr) {
    Frame* frame = backlog_first_;
    Frame* const next = frame->next;  // the device may be done with the frame at once
    const Result<void> sent = try_transmit(*frame);
    if (!sent.ok()) {
      if (sent.error() == Errno::kENOBUFS) return;
      finish(frame);
      ++counters_.dropped;
    }
    backlog_first_ = next;
    --backlog_size_;
  }
}

}  // namespace mokapot
