// SPDX-License-Identifier: Apache-2.0
//
// What the kernel that came with this moka consists of, with its licences: for the bill of materials
// of the images that hold it. The build makes the table from the sources that it fetched
// (kernel_parts.py).
#pragma once

#include <span>

namespace moka {

struct KernelPart {
  const char* name;
  const char* version;  // of the Debian source package; "" for the kernel's own code
  const char* package;  // that package's name; ""
  const char* license;  // an SPDX expression
  const char* notice;   // copyright and licence, as its authors want them to be passed on
};

// The kernel's own code comes first.
std::span<const KernelPart> kernel_parts();

}  // namespace moka
