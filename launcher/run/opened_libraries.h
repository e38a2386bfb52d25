// SPDX-License-Identifier: Apache-2.0
//
// Libraries that a program opens by name, in its layer (docs/concepts/launcher.md).
#pragma once

#include "image/image_cache.h"
#include "image/tree_plan.h"
#include "run/target.h"

namespace moka {

// Adds them to what plan_application planned. To read every class takes a while, so the names are kept for as long as
// the application is the same.
Result<void> add_libraries_opened_by_name(TreePlan& application, const Target& target,
                                          const ImageCache& cache);

}  // namespace moka
