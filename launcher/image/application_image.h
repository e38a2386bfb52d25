// SPDX-License-Identifier: Apache-2.0
//
// The upper layer of a guest: the files that this application was started with, at the paths that
// they have on the host. Class path and agents for Java; program, interpreter and libraries for an
// ELF program.
#pragma once

#include <string>
#include <vector>

#include "image/tree_plan.h"
#include "support/result.h"

namespace moka {

struct ApplicationFiles {
  std::vector<std::string> files;  // absolute; taken as they are
  std::vector<std::string> trees;  // absolute; directories with all that is below
  std::vector<std::string>
      programs;  // absolute; ELF files, taken with the libraries that they load
  // Absolute; ELF files that may be loaded, taken with what they need as far as this machine has it.
  // What is missing the application hears of when it loads them.
  std::vector<std::string> loadable;
  std::vector<std::string> provided;      // names of libraries that are there anyway: a JDK's own
  std::vector<std::string> library_path;  // the guest's LD_LIBRARY_PATH
  std::string working_directory;          // absolute; made, without what is in it
  std::string boundary;  // an image directory that must not be swallowed: the cache
};

// Fails where a program's library is missing, C libraries are mixed, or the files are so many that
// the path given was surely a mistake.
Result<TreePlan> plan_application(const ApplicationFiles& application);

// Adds the libraries of this machine that a Java program opens by name (check/opened_libraries.h), with what they need
// besides the C library, which comes with the JDK. What the machine does not have is left out.
void add_opened_libraries(TreePlan& plan, const std::set<std::string>& names);

}  // namespace moka
