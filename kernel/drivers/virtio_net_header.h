// SPDX-License-Identifier: Apache-2.0
//
// The header before each packet of a virtio-net (virtio 1.2, section 5.1.6), and its translation
// from and to NetOffload. Pure. A received header may hold anything.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "device/net_device.h"

namespace mokapot {

// Little-endian.
struct VirtioNetHeader {
  std::uint8_t flags;
  std::uint8_t segmentation;
  std::uint16_t header_length;
  std::uint16_t segment_size;
  std::uint16_t checksum_start;
  std::uint16_t checksum_offset;
  std::uint16_t buffers;  // receive: how many hold the packet
};
static_assert(sizeof(VirtioNetHeader) == 12);

// The largest IP packet and an Ethernet header with a VLAN tag.
inline constexpr std::uint32_t kMaxFrameSize = 65535 + 18;
inline constexpr std::uint32_t kEthernetHeaderSize = 14;

VirtioNetHeader encode_net_header(const NetOffload& offload);
// What the header of a received frame of that size means. kEBADMSG: nothing sensible.
Result<NetOffload> decode_net_header(const VirtioNetHeader& header, std::uint32_t frame_size);

}  // namespace mokapot
