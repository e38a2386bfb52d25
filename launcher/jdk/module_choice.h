// SPDX-License-Identifier: Apache-2.0
//
// Which of a JDK's modules an application needs. jdeps knows what its classes refer to. What they
// look up by name at run time nobody knows beforehand, so an application that can do that gets the
// whole JDK unless the user says otherwise.
#pragma once

#include <string>
#include <vector>

#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

struct ModuleChoice {
  std::vector<std::string> modules;  // sorted; none: the whole JDK
  std::string reason;                // for the whole one: why
};

// kCautious: the whole JDK in doubt. kAsReferenced: what is referred to and no more, whatever may
// be looked up; then doubt about what is referred to is an error.
enum class ModuleRule { kCautious, kAsReferenced };

// `class_path`: jars and directories, absolute. `jvm_options`: those of the user. Blocks, for
// seconds.
Result<ModuleChoice> choose_modules(const Jdk& jdk, const std::vector<std::string>& class_path,
                                    const std::vector<std::string>& jvm_options, ModuleRule rule);

// The modules that what a class file refers to by these words needs beyond what jdeps finds, and
// whether the words are of looking up classes by name. For tests.
struct ClassWords {
  bool looks_up = false;
  std::vector<std::string> modules;
};
ClassWords words_in_class(std::string_view class_file);

}  // namespace moka
