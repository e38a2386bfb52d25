// SPDX-License-Identifier: Apache-2.0
//
// Which of a JDK's modules an application needs. jdeps knows what its classes refer to. What they
// look up by name at run time nobody knows beforehand, so an application that can do that gets the
// whole JDK unless the user says otherwise.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
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

// The answer of before to `key`, or what `make` says now, which may be kept for the next time.
using Memory = std::function<Result<std::string>(
    const std::string& key, const std::function<Result<std::string>()>& make)>;

// `class_path`: jars and directories, absolute. `jvm_options`: those of the user. Blocks: jdeps takes
// seconds, and is asked once for all versions of an application that refer to the same things.
Result<ModuleChoice> choose_modules(const Jdk& jdk, const std::vector<std::string>& class_path,
                                    const std::vector<std::string>& jvm_options, ModuleRule rule,
                                    const Memory& remember);

// Adds what a class file may refer to in packages: all that looks like a/b/C in it, and so more than
// jdeps finds. For tests.
void add_references(std::string_view class_file, std::set<std::string, std::less<>>& references);

// The modules that what a class file refers to by these words needs beyond what jdeps finds, and
// whether the words are of looking up classes by name. For tests.
struct ClassWords {
  bool looks_up = false;
  std::vector<std::string> modules;
};
ClassWords words_in_class(std::string_view class_file);

}  // namespace moka
