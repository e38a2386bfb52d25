// SPDX-License-Identifier: Apache-2.0
//
// The lowest layer of a guest: a JDK with the libraries that it loads, or no JDK, and the few files
// of /etc and /usr that a C library and Java look at. What is in it depends on the host and the JDK
// only, never on the application, so it is built once.
#pragma once

#include <optional>

#include "image/tree_plan.h"
#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

// Fails where the JDK cannot run from what the host has: a library that java itself needs is
// missing, or C libraries are mixed.
enum class Fonts { kWithJdk, kNone };
Result<TreePlan> plan_runtime(const std::optional<Jdk>& jdk, Fonts fonts = Fonts::kWithJdk);

}  // namespace moka
