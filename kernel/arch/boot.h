// SPDX-License-Identifier: Apache-2.0
//
// Bringing up the address space and the other CPUs.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace mokapot::arch {

void load_page_table_root(PhysAddr root);

// The stack that the boot stub left the boot CPU on: it becomes the boot thread's. The page
// below it belongs to nobody.
VirtAddr boot_stack_bottom();
VirtAddr boot_stack_top();

// Copies the trampoline to start_page (below 1 MiB, in the direct map) and tells it what the next CPU to
// start needs: the page-table root to end up with, its stack, and what to call with which argument.
struct ProcessorStart {
  PhysAddr root;
  VirtAddr stack_top;
  void (*entry)(std::uint64_t argument);
  std::uint64_t argument;
};
void prepare_processor_start(void* start_page_memory, PhysAddr start_page, const ProcessorStart& start);

}  // namespace mokapot::arch
