// SPDX-License-Identifier: Apache-2.0
//
// What an application does that cannot work in a VM. A program that refers to such a thing need not
// do it, so there are two severities: kBreaks is what every run from main comes to and nothing
// catches; kRefers is code that is there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/program.h"
#include "jdk/jdk.h"

namespace moka {

struct Finding {
  enum class Severity { kBreaks, kRefers };
  enum class Kind { kProcess, kDisplay, kLibrary, kClassVersion };

  Severity severity = Severity::kRefers;
  Kind kind = Kind::kProcess;
  std::string place;        // "app.jar", "app.jar!BOOT-INF/lib/b.jar", a folder
  std::string class_name;   // "a.b.C", or the library's entry
  std::string method;       // "" where it is the whole class, or a library
  std::string what;         // "starts a process by java.lang.ProcessBuilder.start"
  std::string consequence;  // "it fails with an IOException: a VM runs one program"
  std::uint64_t count = 1;  // of classes in that place with the same
};

struct Checked {
  std::vector<Finding> findings;  // what breaks first, then by place
  std::size_t classes = 0, places = 0;
  std::size_t breaks() const;
};

// `libraries`: names of native libraries that are there for the program ("libfoo.so") beside those
// in its jars and in the JDK. `main_class`: "a.b.C", or "" for those of the first jar's manifest.
Checked find_what_breaks(const Program& program, const Jdk& jdk, const std::string& main_class,
                         const std::vector<std::string>& libraries);

const char* kind_name(Finding::Kind kind);
// "app.jar!a.b.C.method"
std::string place_of(const Finding& finding);

}  // namespace moka
