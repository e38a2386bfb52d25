// SPDX-License-Identifier: Apache-2.0
//
// What this release of moka is called. launcher/install/install.mk reads the number from this line.
#pragma once

namespace moka {

inline constexpr const char* kMokaVersion = "0.1.0";

}  // namespace moka
