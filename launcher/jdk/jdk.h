// SPDX-License-Identifier: Apache-2.0
//
// Finding a JDK on the host and knowing what it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "elf/elf_closure.h"
#include "support/result.h"

namespace moka {

struct Jdk {
  std::string home;              // absolute, symbolic links resolved
  std::string version;           // "17.0.15"; "" where the JDK has no release file
  unsigned feature_release = 0;  // 17; 0 where unknown
  LibcKind libc = LibcKind::kGlibc;

  std::string launcher() const { return home + "/bin/java"; }

  // Checks the directory: a JDK for Linux on x86-64, whole enough to start.
  static Result<Jdk> examine(const std::string& directory);
};

// The JDK to use: `option` (--jdk) if not empty, else `java_home` if not empty, else the newest of
// those installed in the usual places. What was asked for by name is never replaced by another.
Result<Jdk> find_jdk(const std::string& option, const std::string& java_home);

// The value of NAME="value" in a JDK's release file, or "".
std::string release_value(std::string_view release, std::string_view name);

// "17.0.15" -> 17, "1.8.0_402" -> 8, anything else 0.
unsigned feature_release_of(std::string_view version);

// Whether version `a` is older than `b`, part by part as numbers.
bool is_older_version(std::string_view a, std::string_view b);

}  // namespace moka
