// SPDX-License-Identifier: Apache-2.0
//
// Looks at everything in an EROFS volume, as a caller that believes nothing would: for tests with damaged images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fs/erofs.h"
#include "fs/vnode.h"

namespace mokapot::fake {

struct VolumeCensus {
  unsigned files = 0, errors = 0;
  std::uint64_t bytes = 0;
};

inline void walk_node(LowerNode& node, int depth, VolumeCensus& census) {
  constexpr unsigned kMostFiles = 300;  // a damaged directory may contain itself
  if (++census.files > kMostFiles || depth > 6) return;
  char buffer[4096];
  if (!node.list_xattrs(buffer, sizeof buffer).ok()) ++census.errors;
  (void)node.get_xattr("user.one", buffer, sizeof buffer).ok();
  (void)node.read_link(buffer, sizeof buffer).ok();
  const std::uint32_t type = node.attributes().mode & kModeType;
  if (type == kModeRegular) {
    auto cache = node.cache();
    ReadAhead ahead;
    // The beginning, and the end, where the tail is.
    const std::uint64_t size = node.attributes().size;
    for (const std::uint64_t offset : {std::uint64_t{0}, size > 6000 ? size - 6000 : 0}) {
      for (int i = 0; i < 4; ++i) {
        IoBuffer into(buffer, sizeof buffer);
        auto got = cache.ok() ? cache.value()->read(into, offset + i * sizeof buffer, ahead) : Result<std::size_t>(0);
        if (!got.ok()) ++census.errors;
        else census.bytes += got.value();
      }
    }
  }
  if (type != kModeDirectory) return;
  std::vector<std::string> names;
  if (!node.read_directory(
               [](const LowerNode::Entry& entry, void* context) {
                 auto& list = *static_cast<std::vector<std::string>*>(context);
                 list.emplace_back(entry.name);
                 return list.size() < kMostFiles;
               },
               &names)
           .ok()) {
    ++census.errors;
  }
  for (const std::string& name : names) {
    auto child = node.lookup(name);
    if (child.ok()) walk_node(*child.value(), depth + 1, census);
    else ++census.errors;
  }
}

// False if the volume does not open.
inline bool walk_volume(BlockDevice& disk, VolumeCensus& census) {
  auto volume = ErofsVolume::open(disk, 0, 1);
  if (!volume.ok()) return false;
  auto root = volume.value()->root();
  if (root.ok()) walk_node(*root.value(), 0, census);
  else ++census.errors;
  return true;
}

}  // namespace mokapot::fake
