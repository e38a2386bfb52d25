// SPDX-License-Identifier: Apache-2.0
//
// Which Debian packages files of the host come from.
#pragma once

#include <string>
#include <vector>

namespace moka {

struct DebianPackage {
  std::string name;
  std::string version;
  std::string architecture;
};

// In order of names, each once. Files of no package are passed over; empty where this is no Debian.
std::vector<DebianPackage> packages_of(const std::vector<std::string>& files);

// The package's copyright file, or "".
std::string copyright_of(const DebianPackage& package);

}  // namespace moka
