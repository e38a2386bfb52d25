// SPDX-License-Identifier: Apache-2.0
//
// The main section of META-INF/MANIFEST.MF, by the JAR File Specification: "Name: value" lines, a
// line that begins with one space continues the one before, names are the same in any case, and the
// section ends at the first empty line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/result.h"

namespace moka {

class JarManifest {
 public:
  // Text after the main section is left unread. Fails on a line that is neither attribute nor
  // continuation, as java.util.jar does.
  static Result<JarManifest> parse(std::string_view text);

  // "" where there is no such attribute. `name` in lower case.
  std::string attribute(std::string_view lower_case_name) const;

  std::string main_class() const { return attribute("main-class"); }
  bool is_multi_release() const;
  // The words of Class-Path, and of Boot-Class-Path which agents may have.
  std::vector<std::string> class_path() const { return words("class-path"); }
  std::vector<std::string> boot_class_path() const { return words("boot-class-path"); }

 private:
  std::vector<std::string> words(std::string_view name) const;
  std::map<std::string, std::string, std::less<>> attributes_;
};

}  // namespace moka
