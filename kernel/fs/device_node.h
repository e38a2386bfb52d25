// SPDX-License-Identifier: Apache-2.0
//
// Character devices by number: which File an open of such a node gives. Layers above publish theirs (terminals),
// fs itself null, zero, full, random and urandom.
//
// Lock: spinlock (rank kDentries). Registration in thread context, look-up anywhere.
#pragma once

#include <cstdint>

#include "base/ref_counted.h"
#include "base/result.h"
#include "io/file.h"

namespace mokapot {

// Makes the file of one open; flags are open's (O_NOCTTY included). May block.
using DeviceOpener = Result<RefPtr<File>> (*)(std::uint32_t flags, Vnode& node);

// kEEXIST if the number is taken, kENOMEM. Numbers are Linux's: tty 5:0, console 5:1.
Result<void> register_char_device(std::uint32_t major, std::uint32_t minor, DeviceOpener opener);
// What open of a FIFO node does (one opener for all; it keeps its pipe as the node's attachment). Default kENXIO.
void set_fifo_opener(DeviceOpener opener);

// For vnodes: kENXIO if there is no such device.
Result<RefPtr<File>> open_device(Vnode& node, std::uint64_t device, std::uint32_t flags);
Result<RefPtr<File>> open_fifo(Vnode& node, std::uint32_t flags);

}  // namespace mokapot
