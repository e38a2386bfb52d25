// SPDX-License-Identifier: Apache-2.0
//
// A directory that is gone at the end of the scope, whatever happened in it.
#pragma once

#include <string>

#include "support/result.h"

namespace moka {

class ScratchDirectory {
 public:
  // Below `parent`, with a name that begins with `prefix`.
  static Result<ScratchDirectory> create(const std::string& parent, const std::string& prefix);
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace moka
