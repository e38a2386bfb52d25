// SPDX-License-Identifier: Apache-2.0
#include "support/scratch_directory.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "support/files.h"

namespace moka {

Result<ScratchDirectory> ScratchDirectory::create(const std::string& parent,
                                                  const std::string& prefix) {
  std::string path = parent + "/" + prefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return Error{"cannot write to " + parent + ": " + error_text(errno)};
  return ScratchDirectory(path);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace moka
