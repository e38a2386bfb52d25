// SPDX-License-Identifier: Apache-2.0
//
// A virtual address is no physical address, and neither is a number.
// expect: no matching function
#include "base/types.h"

namespace mokapot {

PhysAddr frame_of(PhysAddr address) { return address.page_down(); }

PhysAddr caller(VirtAddr address) {
#ifdef MUST_FAIL
  return frame_of(address);
#else
  return frame_of(PhysAddr(address.value()));
#endif
}

}  // namespace mokapot
