// SPDX-License-Identifier: Apache-2.0
//
// The tables of direct calls that an image has for the programs and libraries in it.
#pragma once

#include "image/tree_plan.h"

namespace moka {

// Adds them to a plan that is about to become an image. Takes a moment: programs are decoded.
void add_direct_calls(TreePlan& plan);

}  // namespace moka
