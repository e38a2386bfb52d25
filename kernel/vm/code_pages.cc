// SPDX-License-Identifier: Apache-2.0
//
// See code_pages.h.
#include "vm/code_pages.h"

namespace mokapot {
namespace {

constinit bool lent = false;  // set at boot

}  // namespace

void lend_code_pages(bool lend) { lent = lend; }

bool lends_pages(Protection protection) { return lent && permits(protection, Protection::kWrite | Protection::kExecute); }

Protection rights_for(Protection protection, FaultAccess access, bool by_own_code) {
  if (!lends_pages(protection)) return protection;
  if (access == FaultAccess::kExecute) return Protection::kRead | Protection::kExecute;
  // What is read before anything else is memory that is about to be filled.
  return by_own_code ? protection : Protection::kRead | Protection::kWrite;
}

Protection rights_unasked(Protection protection) { return lends_pages(protection) ? Protection::kRead : protection; }

}  // namespace mokapot
