// SPDX-License-Identifier: Apache-2.0
//
// How fast /dev/kvm runs code at CPL 0.
#pragma once

#include <optional>

namespace moka {

// Rounds a second of a loop of plain, memory and page-table instructions, in 64-bit mode at CPL 0;
// nothing where /dev/kvm does not open or no VM can be made. Takes up to a quarter of a second,
// even if the hypervisor is slow beyond measure. A processor that runs such code itself does
// millions.
std::optional<double> measure_kvm_rounds_per_second();

// Below this TCG is the better choice: it does some hundred thousands.
inline constexpr double kLeastKvmRoundsPerSecond = 1e6;

}  // namespace moka
