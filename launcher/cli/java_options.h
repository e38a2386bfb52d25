// SPDX-License-Identifier: Apache-2.0
//
// What the launcher must know of java's own command line: which options take the next word, and
// which name files that the guest will want. Everything else goes through unread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moka {

// Whether java takes the word after `option` as its value ("--add-opens", "-p").
bool takes_next_word(std::string_view option);

bool is_class_path_option(std::string_view option);  // -cp, -classpath, --class-path

struct NamedFiles {
  std::vector<std::string> jars;       // agents: with what their manifests name
  std::vector<std::string> files;      // taken as they are
  std::vector<std::string> trees;      // directories of classes or modules
  std::vector<std::string> libraries;  // native code that will be loaded: agents
  std::vector<std::string> loadable;   // native code in folders where Java may look for some
};

// The existing files and directories that JVM options name, as absolute paths.
NamedFiles files_named_by(const std::vector<std::string>& jvm_options);

}  // namespace moka
