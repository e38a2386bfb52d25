// SPDX-License-Identifier: Apache-2.0
//
// A file of a read-only file system that can lie under a memory node: what the root's layers are made of.
// Implemented by EROFS.
//
// Locks: none the caller sees; implementations guard themselves. Thread context; all but attributes() may
// block. Errors from a damaged file system are kEUCLEAN or kEIO.
#pragma once

#include <string_view>

#include "base/ref_counted.h"
#include "base/result.h"
#include "fs/page_cache.h"
#include "io/file.h"

namespace mokapot {

class LowerNode : public RefCounted<LowerNode> {
 public:
  virtual ~LowerNode() = default;
  virtual const FileStatus& attributes() const = 0;  // device is the file system's own, of no use above
  virtual Result<RefPtr<LowerNode>> lookup(std::string_view name) = 0;  // kENOENT
  struct Entry {
    std::string_view name;
    std::uint64_t inode;
    std::uint8_t type;  // DT_
  };
  // Without "." and "..". visit returns false to stop.
  virtual Result<void> read_directory(bool (*visit)(const Entry& entry, void* context), void* context) = 0;
  virtual Result<std::size_t> read_link(char* buffer, std::size_t size) = 0;
  virtual Result<RefPtr<FileCache>> cache() = 0;
  // size 0 asks for the length; kENODATA, kERANGE.
  virtual Result<std::size_t> get_xattr(std::string_view name, void* value, std::size_t size) = 0;
  // Names with their NULs.
  virtual Result<std::size_t> list_xattrs(char* names, std::size_t size) = 0;
};

}  // namespace mokapot
