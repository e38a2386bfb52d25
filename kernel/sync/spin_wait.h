// SPDX-License-Identifier: Apache-2.0
//
// What a loop does between two looks at something that another CPU is about to change. It mostly does nothing, and
// now and then tells the processor that it waits.
//
// A hypervisor may take that hint (PAUSE) as a wish to let somebody else run. Under QEMU's TCG each one leaves the
// translated code and passes through the one lock that the CPU waited for needs, too, to reach a device or to interrupt
// another CPU: waiters that pause at every look hold up those for whom they wait. Most waits end within the looks
// between two hints.
//
// Contexts: any.
#pragma once

#include "arch/cpu.h"

namespace mokapot {

class SpinWait {
 public:
  void operator()() {
    if (++looks_ % kLooksBetweenHints == 0) arch::relax();
  }

 private:
  static constexpr unsigned kLooksBetweenHints = 200;
  unsigned looks_ = 0;
};

}  // namespace mokapot
