// SPDX-License-Identifier: Apache-2.0
//
// FIFOs of file systems: fs knows their nodes, io their pipes; this joins them.
#pragma once

namespace mokapot {

void install_fifo_opener();  // boot, after the file systems

}  // namespace mokapot
