// SPDX-License-Identifier: Apache-2.0
//
// The root table of the host's page table: one frame, made when first asked for.

#include "arch/paging.h"
#include "memory/frames.h"

namespace mokapot::arch {

PhysAddr page_table_root() {
  static const PhysAddr root =
      allocate_frame(FrameUse::kPageTable, FrameContents::kZeroed).take();
  return root;
}

}  // namespace mokapot::arch
