// SPDX-License-Identifier: Apache-2.0
//
// /etc/machine-id, as machine-id(5) wants it of systems that are made once and run many times: not in the image, which
// would give all its VMs one identity, but drawn anew at each boot.
#pragma once

namespace mokapot {

// After the layers and before folders of the host; where the image has no such file, or an empty one. Thread context, may block.
void publish_machine_id();

}  // namespace mokapot
