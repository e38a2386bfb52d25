// SPDX-License-Identifier: Apache-2.0

#include "drivers/virtio_net_header.h"

namespace mokapot {
namespace {

constexpr std::uint8_t kFlagNeedsChecksum = 1;
constexpr std::uint8_t kFlagDataValid = 2;

constexpr std::uint8_t kSegmentationTcp4 = 1;
constexpr std::uint8_t kSegmentationUdp = 3;
constexpr std::uint8_t kSegmentationTcp6 = 4;
constexpr std::uint8_t kSegmentationEcn = 0x80;  // a flag beside the TCP kinds

}  // namespace

VirtioNetHeader encode_net_header(const NetOffload& offload) {
  using Segmentation = NetOffload::Segmentation;
  VirtioNetHeader header{};
  if (offload.needs_checksum) {
    header.flags = kFlagNeedsChecksum;
    header.checksum_start = offload.checksum_start;
    header.checksum_offset = offload.checksum_offset;
  }
  if (offload.segmentation != Segmentation::kNone) {
    header.segmentation =
        offload.segmentation == Segmentation::kTcp4 ? kSegmentationTcp4 : kSegmentationTcp6;
    header.segment_size = offload.segment_size;
    header.header_length = offload.header_length;
  }
  return header;
}

Result<NetOffload> decode_net_header(const VirtioNetHeader& header, std::uint32_t frame_size) {
  NetOffload offload;
  if ((header.flags & kFlagNeedsChecksum) != 0) {
    // The sender is on this host and left its sum to whoever puts the packet on a wire: there is
    // none to check.
    if (std::uint32_t{header.checksum_start} + header.checksum_offset + sizeof(std::uint16_t) >
        frame_size) {
      return Errno::kEBADMSG;
    }
    offload.needs_checksum = true;
    offload.checksum_valid = true;
    offload.checksum_start = header.checksum_start;
    offload.checksum_offset = header.checksum_offset;
  }
  if ((header.flags & kFlagDataValid) != 0) offload.checksum_valid = true;
  switch (header.segmentation & ~kSegmentationEcn) {
    case 0:
      return offload;
    case kSegmentationTcp4:
      offload.segmentation = NetOffload::Segmentation::kTcp4;
      break;
    case kSegmentationTcp6:
      offload.segmentation = NetOffload::Segmentation::kTcp6;
      break;
    case kSegmentationUdp:
      offload.segmentation = NetOffload::Segmentation::kUdp;
      break;
    default:
      return Errno::kEBADMSG;
  }
  if (header.segment_size == 0) return Errno::kEBADMSG;
  offload.segment_size = header.segment_size;
  // A hint only (5.1.6.4.2), and wrong from some hosts.
  offload.header_length =
      header.header_length <= frame_size ? header.header_length : std::uint16_t{0};
  return offload;
}

}  // namespace mokapot
