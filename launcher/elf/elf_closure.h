// SPDX-License-Identifier: Apache-2.0
//
// The libraries that a set of ELF files loads, found as ld.so finds them: DT_RPATH of the object
// and of those that asked for it (unless DT_RUNPATH is there), LD_LIBRARY_PATH, DT_RUNPATH, the
// cache, the default directories. Both glibc's and musl's order; man ld.so(8).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "elf/elf_file.h"
#include "elf/library_cache.h"

namespace moka {

enum class LibcKind { kNone, kGlibc, kMusl };

// Which C library an interpreter's path or a needed library's name belongs to.
LibcKind libc_of_interpreter(std::string_view interpreter);
LibcKind libc_of_library(std::string_view soname);

class ElfClosure {
 public:
  struct Missing {
    std::string library;
    std::string needed_by;
  };

  explicit ElfClosure(LibraryCache cache, std::vector<std::string> library_path = {})
      : cache_(std::move(cache)), library_path_(std::move(library_path)) {}

  // A library that will be there under this name already (a JDK's own, loaded by libjvm).
  void provide(const std::string& soname) { provided_.insert(soname); }

  // Adds a program or library and what it needs. A file that is no x86-64 ELF file is an error;
  // a library that is not found is recorded in missing().
  Result<void> add(const std::string& path);

  // Adds a library by name, if the machine has it, with what it needs: for dlopen.
  void add_optional(const std::string& soname);

  // Interpreters and libraries by the paths under which they were found; not the files given to
  // add().
  const std::vector<std::string>& libraries() const { return libraries_; }
  const std::vector<Missing>& missing() const { return missing_; }
  // Each kind of C library seen, with the file that wants it.
  const std::map<LibcKind, std::string>& libc_kinds() const { return libc_kinds_; }

 private:
  struct Object {
    std::string path;
    ElfFile file;
    const Object* loader;  // who needed it first
  };

  void add_needs(const Object& object, LibcKind libc);
  std::string find(const Object& object, const std::string& name, LibcKind libc) const;
  std::string find_in(const std::vector<std::string>& directories, const std::string& origin,
                      const std::string& name) const;
  void note_libc(LibcKind kind, const std::string& path);

  LibraryCache cache_;
  std::vector<std::string> library_path_;
  std::set<std::string> provided_;
  std::set<std::string> visited_;
  std::vector<std::string> libraries_;
  std::vector<Missing> missing_;
  std::map<LibcKind, std::string> libc_kinds_;
};

}  // namespace moka
