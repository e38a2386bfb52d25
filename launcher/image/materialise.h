// SPDX-License-Identifier: Apache-2.0
//
// Writes a tree plan into a directory, for mkfs.erofs to read.
#pragma once

#include <string>

#include "image/tree_plan.h"
#include "support/result.h"

namespace moka {

// kZero: mkfs.erofs sets every time to 0, whatever the files have. kKept: files, links and
// directories get the time that their originals have, 0 where they have none.
enum class FileTimes { kZero, kKept };

// Fills an existing empty directory: hard links to host files where the file system allows it (then
// it costs no bytes), else clones or copies. Directories stay writable for their owner, so that
// they can be removed.
Result<void> materialise(const TreePlan& plan, const std::string& directory, FileTimes times);

}  // namespace moka
