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

// What changes when an image is put on another base: the kernel and what it consists of and, where `base` has a
// JDK, that with its modules and the packages of `base.files`. Licences of what goes stay.
void set_base(BillOfMaterials& bill, const Materials& base);

// The boot loader as part of what there is; "": it is none. As if the image had been built so.
void set_boot_loader(BillOfMaterials& bill, const std::string& version);

}  // namespace moka
