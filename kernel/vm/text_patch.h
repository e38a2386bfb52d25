// SPDX-License-Identifier: Apache-2.0
//
// Changes to the text of a mapped file, made where the file is mapped and nowhere else. A region that has a patch
// never shows the file's own frames for the pages that the patch covers: a fault makes a private copy, as a write
// would, and changes it before anybody can see it. So the page cache stays as the file is, and no processor ever
// fetches an instruction that is just being changed. vm owns the interface; exec implements it.
//
// The object lives as long as a region has it, and is destroyed with no lock held.
#pragma once

#include <cstddef>

#include "base/ref_counted.h"
#include "base/types.h"

namespace mokapot {

class TextPatch : public RefCounted<TextPatch> {
 public:
  virtual ~TextPatch() = default;
  // Whether anything is to be changed in the page at this address. Any context.
  virtual bool covers(VirtAddr page) const = 0;
  // Changes a copy of the page, kPageSize bytes, which the application cannot see yet. Takes no lock.
  virtual void apply(VirtAddr page, std::byte* contents) const = 0;
  // Takes back what apply did, where it is still there: the page is about to be seen at another address.
  virtual void revert(VirtAddr page, std::byte* contents) const = 0;
};

}  // namespace mokapot
