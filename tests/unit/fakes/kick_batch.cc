// SPDX-License-Identifier: Apache-2.0
//
// Where there is no scheduler no other processor is interrupted.
#include "sched/kick_batch.h"

namespace mokapot {

KickBatch::KickBatch() {}
KickBatch::~KickBatch() {}

}  // namespace mokapot
