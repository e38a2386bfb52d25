// SPDX-License-Identifier: Apache-2.0
//
// The texts of licences that Debian's copyright files only name, by their place on a Debian system:
// whoever gets an image may have none. They are the last sections of an image's licences, each once,
// in order of names.
#pragma once

#include <map>
#include <string>

namespace moka {

inline constexpr const char* kCommonLicenses = "/usr/share/common-licenses";

class CommonLicenses {
 public:
  // Takes the texts that are there off the end of `licenses`; the rest may be changed then.
  explicit CommonLicenses(std::string& licenses, std::string directory = kCommonLicenses);
  // Adds what `licenses` names now: what it had before, or else this host's. What neither has stays
  // a name. Blocks.
  void add_to(std::string& licenses) const;

 private:
  std::map<std::string, std::string> texts_;  // by name
  std::string directory_;
};

}  // namespace moka
