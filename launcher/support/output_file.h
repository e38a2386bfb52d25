// SPDX-License-Identifier: Apache-2.0
//
// A file or folder that appears under its name whole or not at all: it is made under another name
// beside it, and renamed at the end. What is unfinished goes when the object dies and, after a
// SIGKILL, when the next one makes the same file. Two processes do
// not make the same one at a time.
#pragma once

#include <string>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class OutputFile {
 public:
  enum class Kind { kFile, kFolder };
  // `path` is absolute. Fails where its folder cannot be written to, somebody else is making it, or
  // it is there and of the other kind.
  static Result<OutputFile> create(const std::string& path, Kind kind);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  // Where to write: an empty file, or an empty folder.
  const std::string& unfinished() const { return unfinished_; }
  int fd() const { return fd_.get(); }

  // To the disk, and to its name; what had that name is gone.
  Result<void> finish();
  // The same, but what had the name gets the name `previous`, in the same folder, and what had that
  // is gone. There must be something of that name.
  Result<void> finish_keeping(const std::string& previous);

 private:
  Result<void> sync() const;
  OutputFile(std::string path, std::string unfinished, Kind kind, UniqueFd fd);

  std::string path_;
  std::string unfinished_;
  Kind kind_;
  UniqueFd fd_;  // of what is unfinished, and locked
};

// Each of two files or folders gets the other's name, at once; false with errno set.
bool exchange_names(const std::string& one, const std::string& other);

}  // namespace moka
