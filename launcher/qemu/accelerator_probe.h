// SPDX-License-Identifier: Apache-2.0
//
// KVM or TCG. That /dev/kvm opens says little: a nested hypervisor may emulate every instruction
// that runs at CPL 0, which is where all of ours run, and is then far slower than TCG. So a loop of
// such instructions is run for a moment and counted; the verdict is kept in the cache until the
// host boots again or its kernel or processor changes.
#pragma once

#include <string>

#include "qemu/qemu_command.h"
#include "support/result.h"

namespace moka {

struct AcceleratorChoice {
  Accelerator accelerator = Accelerator::kTcg;
  std::string reason;  // one line for the log
  // KVM was asked for though it may be slow beyond measure: then slowness is no sign of a hang.
  bool is_forced = false;
};

// `cache_directory` exists. Takes at most a quarter of a second, and that once a boot. `wish`:
// "kvm" or "tcg" to have that without a probe, or "".
Result<AcceleratorChoice> choose_accelerator(const std::string& cache_directory,
                                             const std::string& wish);

}  // namespace moka
