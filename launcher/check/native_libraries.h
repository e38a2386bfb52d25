// SPDX-License-Identifier: Apache-2.0
//
// The native libraries in an application's jars: are they for this machine and this C library, and
// is there what they load themselves?
#pragma once

#include <set>
#include <string>
#include <vector>

#include "check/findings.h"
#include "check/program.h"
#include "jdk/jdk.h"

namespace moka {

struct NativeLibraries {
  std::set<std::string> names;  // without their folders
  std::vector<Finding> findings;
};

NativeLibraries examine_libraries(const Program& program, const Jdk& jdk);

}  // namespace moka
