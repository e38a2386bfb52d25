// SPDX-License-Identifier: Apache-2.0
//
// A device's received packet as lwIP's buffers, without a copy: the records live in NetBuffer::receiver_area, and
// the packet goes back to its device when lwIP or a socket has let go of the last piece. Any thread may let go.
//
// Small packets are copied all the same, which costs less than what they would hold: a device's buffer is a page,
// there is a limit to them, and a peer that sends byte after byte to a program that does not read must not get them
// all.
#pragma once

#include "device/net_device.h"

struct pbuf;

namespace mokapot {

inline constexpr std::size_t kCopiedUpTo = 512;  // bytes

// The packet without its first `skip` bytes, which the first piece must hold; takes over the packet. At most 65535
// bytes may remain.
pbuf* wrap_received(NetBuffer& packet, std::size_t skip);

}  // namespace mokapot
