// SPDX-License-Identifier: Apache-2.0
//
// What an image is made of: a CycloneDX 1.5 document, and the licences of the parts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "image/tree_plan.h"
#include "jdk/jdk.h"

namespace moka {

struct BillOfMaterials {
  std::string sbom;      // JSON
  std::string licenses;  // text
};

struct Materials {
  std::string name;                // the application's
  std::vector<std::string> files;  // of the host's, in the runtime
  const TreePlan* application;     // with the paths of files on the host
  std::optional<Jdk> jdk;
  std::vector<std::string> modules;  // of the JDK; none: all
  std::string boot_loader_version;   // "" without one
  std::string kernel_digest;         // what tells this kernel from others
};

// The same materials make the same documents: there is no time in them. Blocks; reads the jars.
BillOfMaterials bill_of_materials(const Materials& materials);

}  // namespace moka
