// SPDX-License-Identifier: Apache-2.0
//
// Host sides of a VM's network device other than user networking: a tap that somebody set up for
// this user, or one that QEMU's bridge helper makes on a bridge. They are opened here, before a VM
// starts, so that what is wrong is said in one line; QEMU inherits the descriptors. Neither needs
// more privilege than the user has.
#pragma once

#include <string>
#include <vector>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

// Whether frames carry a header in front that tells of checksums and segments left to do. It saves
// most of the work of large transfers; a capture shows frames better without.
enum class FrameHeader { kNone, kVirtio };

// As many queues of the tap as it offers, `most` at most.
Result<std::vector<UniqueFd>> open_tap(const std::string& name, unsigned most, FrameHeader header);

// A new tap on the bridge, by the helper that the host's administrator allows for it
// (/etc/qemu/bridge.conf). Blocks while the helper runs.
Result<UniqueFd> open_bridge(const std::string& name, FrameHeader header);

}  // namespace moka
