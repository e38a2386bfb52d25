// SPDX-License-Identifier: Apache-2.0
//
// The end of the kernel. panic() itself is declared in base/assert.h, for everybody; boot registers here how
// to reach the console, the other CPUs and the hypervisor. Without hooks it halts. Any context.
#pragma once

#include <string_view>

namespace mokapot {

struct PanicHooks {
  void (*print)(std::string_view line);   // must not block, allocate or take a lock that a panic may hold
  void (*stop_other_cpus)();
  void (*describe_threads)();             // optional: who was doing what
  void (*end_vm)();                       // does not return if it can help it
};
void set_panic_hooks(const PanicHooks& hooks);
bool panicking();

}  // namespace mokapot
