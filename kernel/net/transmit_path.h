// SPDX-License-Identifier: Apache-2.0
//
// From lwIP's packets to a device's transmit queue. Segments of one connection that come one after the other are
// merged (segment_merge.h) where the device can cut them up; the device is told once a batch (flush). What finds
// its queue full waits here, in order, up to a bound; beyond it packets are dropped, as on any full queue.
//
// A packet's headers are copied, its payload is cited: each buffer that holds some of it stays referenced until the
// device has sent it. Headers may be written anew meanwhile, and chains cut or extended, as TCP does when it sends a
// segment again. Buffers that lwIP marks volatile are copied.
//
// Lock: core lock. Contexts: thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "device/net_device.h"
#include "net/segment_merge.h"
#include "net/stack.h"

struct pbuf;

namespace mokapot {

class TransmitPath {
 public:
  explicit TransmitPath(NetDevice& device)
      : device_(device),
        capabilities_(device.capabilities()),
        most_segments_(capabilities_.max_segments < kMaxSegments ? capabilities_.max_segments : kMaxSegments) {}
  TransmitPath(const TransmitPath&) = delete;
  TransmitPath& operator=(const TransmitPath&) = delete;

  bool leaves_checksums_to_device() const { return capabilities_.checksum; }
  // As netif.segmentation: for which IP versions a TCP packet may be longer than the MTU.
  std::uint8_t segmentation() const;

  // Takes references of its own to the packet's buffers. kENOMEM: dropped.
  Result<void> send(std::span<const std::byte, kEthernetHeader> ethernet, pbuf* packet) REQUIRES(net_core_lock());
  // Takes a segment, from its TCP header on, behind those of its connection that wait to be merged: false where none
  // does, or the device could not make this one of them.
  bool continue_segments(pbuf* segment, std::span<const std::byte> addresses) REQUIRES(net_core_lock());
  // The end of a batch: sends what was held back for merging. True if notify() is to follow, when the lock is free.
  [[nodiscard]] bool flush() REQUIRES(net_core_lock());
  void notify() { device_.notify(kQueue); }
  // The device has room again.
  void resume() REQUIRES(net_core_lock());
  bool has_backlog() const REQUIRES(net_core_lock()) { return backlog_first_ != nullptr; }

  struct Counters {
    std::uint64_t packets = 0, bytes = 0, dropped = 0;
  };
  // Packets as they appear on the wire, as far as that is known here.
  const Counters& counters() const REQUIRES(net_core_lock()) { return counters_; }

 private:
  static constexpr std::size_t kQueue = 0;          // the device's
  static constexpr std::size_t kMaxSegments = 64;  // of a frame: its header and its pieces
  static constexpr std::size_t kMaxBacklog = 1000;  // frames; Linux's txqueuelen
  struct Piece {
    pbuf* buffer = nullptr;  // one reference is held
    std::span<const std::byte> bytes;
  };
  struct Frame;

  // At most so many pieces are added by cite().
  static std::size_t count_pieces(const pbuf* packet, std::size_t skip);
  // References and notes the packet from `skip` bytes on, behind the `count` pieces that are there; how many are then.
  static std::size_t cite(pbuf* packet, std::size_t skip, Piece* pieces, std::size_t count);

  Result<void> send_tcp(std::span<const std::byte, kEthernetHeader> ethernet, pbuf* packet, const TcpPacket& tcp)
      REQUIRES(net_core_lock());
  bool may_merge(const TcpPacket& tcp) const;
  Result<void> flush_merged() REQUIRES(net_core_lock());
  // Makes a frame of a header and buffers, whose references it takes over; they are dropped if it fails.
  Result<void> submit(std::span<const std::byte> header, const NetOffload& offload, std::span<Piece> pieces,
                      std::size_t packets, std::size_t bytes) REQUIRES(net_core_lock());
  Result<void> try_transmit(Frame& frame) REQUIRES(net_core_lock());
  static void finish(void* frame);

  NetDevice& device_;
  const NetDevice::Capabilities capabilities_;
  const std::size_t most_segments_;
  SegmentMerge merge_ GUARDED_BY(net_core_lock());
  Piece merged_[kMaxSegments] GUARDED_BY(net_core_lock());
  std::size_t merged_count_ GUARDED_BY(net_core_lock()) = 0;
  bool kick_due_ GUARDED_BY(net_core_lock()) = false;
  Frame* backlog_first_ GUARDED_BY(net_core_lock()) = nullptr;
  Frame* backlog_last_ GUARDED_BY(net_core_lock()) = nullptr;
  std::size_t backlog_size_ GUARDED_BY(net_core_lock()) = 0;
  Counters counters_ GUARDED_BY(net_core_lock());
};

}  // namespace mokapot
