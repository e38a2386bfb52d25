// SPDX-License-Identifier: Apache-2.0
#include "net/transmit_path.h"

#include <cstring>
#include <memory>
#include <new>
#include <optional>

#include "memory/frames.h"
#include "memory/heap.h"

#include "lwip/pbuf.h"

namespace mokapot {
namespace {

constexpr std::size_t kQueue = 0;
// Frames up to this size are copied whole: cheaper than a descriptor and a reference.
constexpr std::size_t kSmallFrame = 256;
constexpr std::size_t kMaxSegments = 64;

std::span<const std::byte> bytes_of(const pbuf& buffer) {
  return {static_cast<const std::byte*>(buffer.payload), buffer.len};
}

// Memory that may change or go away before the device reads it, or whose physical address is not known here.
bool must_be_copied(const pbuf* packet) {
  for (; packet != nullptr; packet = packet->next)
    if (PBUF_NEEDS_COPY(packet) || !is_managed(from_direct_map(packet->payload))) return true;
  return false;
}

std::size_t memory_pieces(const pbuf* packet, std::size_t skip) {
  std::size_t pieces = 0;
  for (; packet != nullptr; packet = packet->next) {
    if (packet->len > skip) ++pieces;
    skip -= packet->len > skip ? skip : packet->len;
  }
  return pieces;
}

}  // namespace

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
  counters_.packets += packets;
  counters_.bytes += bytes;
  if (backlog_first_ == nullptr && try_transmit(*frame).ok()) return {};
  if (backlog_first_ == nullptr) backlog_first_ = frame;
  else backlog_last_->next = frame;
  backlog_last_ = frame;
  ++backlog_size_;
  return {};
}

Result<void> TransmitPath::try_transmit(Frame& frame) {
  PhysSegment segments[kMaxSegments];
  std::size_t count = 0;
  segments[count++] = {from_direct_map(frame.header), frame.header_size};
  for (std::size_t i = 0; i < frame.piece_count; ++i) {
    std::size_t skip = frame.pieces()[i].skip;
    for (const pbuf* buffer = frame.pieces()[i].buffer; buffer != nullptr; buffer = buffer->next) {
      const std::span<const std::byte> bytes = bytes_of(*buffer);
      const std::size_t skipped = skip < bytes.size() ? skip : bytes.size();
      skip -= skipped;
      if (skipped == bytes.size()) continue;
      ASSERT(count < kMaxSegments);
      segments[count++] = {from_direct_map(bytes.data() + skipped), static_cast<std::uint32_t>(bytes.size() - skipped)};
    }
  }
  TRY(device_.transmit(kQueue, {.segments = {segments, count}, .offload = frame.offload, .done = finish, .context = &frame}));
  kick_due_ = true;
  return {};
}

bool TransmitPath::may_merge(const TcpPacket& tcp) const {
  return tcp.payload > 0 && (tcp.ipv6 ? capabilities_.tcp6_segmentation : capabilities_.tcp4_segmentation);
}

Result<void> TransmitPath::flush_merged() {
  if (merged_count_ == 0) return {};
  const NetOffload offload = merge_.finish();
  const std::size_t bytes = merge_.payload() + merge_.segments() * merge_.headers().size();
  const std::span<Piece> pieces(merged_, merged_count_);
  merged_count_ = merged_segments_ = 0;
  return submit(merge_.headers(), offload, pieces, merge_.segments(), bytes);
}

Result<void> TransmitPath::send_tcp(std::span<const std::byte, kEthernetHeader> ethernet, pbuf* packet,
                                    const TcpPacket& tcp) {
  std::byte headers[SegmentMerge::kMaxHeaders];
  std::memcpy(headers, ethernet.data(), kEthernetHeader);
  std::memcpy(headers + kEthernetHeader, packet->payload, tcp.headers());
  const std::span<const std::byte> header(headers, kEthernetHeader + tcp.headers());

  const std::size_t limit = capabilities_.max_segments < kMaxSegments ? capabilities_.max_segments : kMaxSegments;
  const std::size_t pieces = memory_pieces(packet, tcp.headers());
  const bool fits = merged_count_ < kMaxMerged && 1 + merged_segments_ + pieces <= limit;
  if (merged_count_ > 0 && fits && may_merge(tcp) && merge_.can_append(header, tcp)) {
    merge_.append(header, tcp);
  } else {
    TRY(flush_merged());
    merge_.begin(header, tcp);
  }
  pbuf_ref(packet);
  merged_[merged_count_++] = {packet, tcp.headers()};
  merged_segments_ += pieces;
  return may_merge(tcp) ? Result<void>() : flush_merged();
}

Result<void> TransmitPath::send(std::span<const std::byte, kEthernetHeader> ethernet, pbuf* packet) {
  const bool small = kEthernetHeader + packet->tot_len <= kSmallFrame;
  std::optional<TcpPacket> tcp;
  if (capabilities_.checksum) tcp = parse_tcp_packet(bytes_of(*packet), packet->tot_len);

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

  // A copy keeps the packet alive by itself; else send_tcp and the frame take references of their own.
  struct Owner {
    pbuf* copy = nullptr;
    ~Owner() { if (copy != nullptr) pbuf_free(copy); }
  } owner;
  const std::size_t limit = capabilities_.max_segments < kMaxSegments ? capabilities_.max_segments : kMaxSegments;
  if (must_be_copied(packet) || 1 + memory_pieces(packet, 0) > limit) {
    owner.copy = pbuf_clone(PBUF_RAW, PBUF_RAM, packet);
    if (owner.copy == nullptr) {
      ++counters_.dropped;
      return Errno::kENOMEM;
    }
    packet = owner.copy;
  }
  if (tcp) return send_tcp(ethernet, packet, *tcp);
  TRY(flush_merged());
  pbuf_ref(packet);
  Piece piece{packet, 0};
  return submit(ethernet, NetOffload(), {&piece, 1}, 1, kEthernetHeader + packet->tot_len);
}

void TransmitPath::flush() {
  (void)flush_merged().ok();  // a frame that finds no memory is counted, and TCP sends it again
  if (!kick_due_) return;
  kick_due_ = false;
  device_.kick(kQueue);
}

void TransmitPath::resume() {
  while (backlog_first_ != nullptr) {
    Frame* frame = backlog_first_;
    if (!try_transmit(*frame).ok()) return;
    backlog_first_ = frame->next;
    --backlog_size_;
  }
}

}  // namespace mokapot
