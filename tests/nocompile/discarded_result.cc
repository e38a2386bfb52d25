// SPDX-License-Identifier: Apache-2.0
//
// An error that nobody looks at does not compile.
// expect: ignoring return value
#include "base/result.h"

namespace mokapot {

Result<int> fallible();

bool caller() {
#ifdef MUST_FAIL
  fallible();
#endif
  return fallible().ok();
}

}  // namespace mokapot
