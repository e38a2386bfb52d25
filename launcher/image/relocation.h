// SPDX-License-Identifier: Apache-2.0
//
// Where an application's files lie in a bootable image: below /app, whatever their place on the
// host, so that an image does not depend on where it was built. The deepest folder that holds all
// of the application's files becomes /app; what is below keeps its place in there. Libraries of the
// system stay where they are.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "image/application_image.h"
#include "image/tree_plan.h"

namespace moka {

inline constexpr const char* kApplicationFolder = "/app";

class Relocation {
 public:
  // `plan`: made from `files`.
  Relocation(const TreePlan& plan, const ApplicationFiles& files);

  // The path in the image of a path on the host (relative ones count from the working directory).
  // Paths that are none of the application's stay as they are.
  std::string path(const std::string& host_path) const;
  // A list of paths with colons between them; a part may end in "/*".
  std::string path_list(const std::string& list) const;
  // An option for the JVM, with the paths of application files that its value names changed.
  std::string option(const std::string& option) const;
  TreePlan apply(const TreePlan& plan) const;

 private:
  bool is_application(const std::string& physical) const;
  std::string moved(const std::string& physical) const;

  std::set<std::string> named_;  // physical paths, of files and of trees
  std::string root_;             // "" is the file system's root
};

}  // namespace moka
