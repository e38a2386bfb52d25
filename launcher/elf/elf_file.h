// SPDX-License-Identifier: Apache-2.0
//
// What a dynamic loader wants to know of an ELF file: machine, interpreter, needed libraries and
// search paths. The file is untrusted; every offset is bounded by the file's size and every table
// by a limit. System V ABI, ELF-64 object file format.
#pragma once

#include <string>
#include <vector>

#include "support/result.h"

namespace moka {

struct ElfFile {
  enum class Kind { kExecutable, kShared };

  Kind kind = Kind::kExecutable;
  bool is_x86_64 = false;
  std::string machine;      // for messages
  std::string interpreter;  // "" where there is none: static, or a library
  std::string soname;
  std::vector<std::string> needed;
  std::vector<std::string> rpath;    // DT_RPATH, split at ':', $ORIGIN not yet replaced
  std::vector<std::string> runpath;  // DT_RUNPATH

  // Fails where the file cannot be read or is no sound ELF file. For another machine or word size
  // only `machine` is filled.
  static Result<ElfFile> read(const std::string& path);
};

// Whether a file begins with ELF's magic.
bool looks_like_elf(const std::string& path);

}  // namespace moka
