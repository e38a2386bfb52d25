// SPDX-License-Identifier: Apache-2.0
#include "check/native_libraries.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "elf/elf_file.h"
#include "elf/library_cache.h"
#include "support/files.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

struct Library {
  std::string place, entry;
  ElfFile file;
  bool fits = false;  // machine and C library
  std::string why;    // where it does not
};

Result<ElfFile> parse_elf(const std::string& bytes) {
  const UniqueFd file(::memfd_create("mokapot-library", MFD_CLOEXEC));
  if (!file || !write_fully(file.get(), bytes)) return Error{"no memory"};
  return ElfFile::read("/proc/self/fd/" + std::to_string(file.get()));
}

LibcKind libc_of(const ElfFile& file) {
  for (const std::string& name : file.needed)
    if (const LibcKind kind = libc_of_library(name); kind != LibcKind::kNone) return kind;
  return LibcKind::kNone;
}

// FreeBSD's and Solaris's libraries are ELF files for x86-64, too.
bool is_foreign(const ElfFile& file) {
  return std::any_of(file.needed.begin(), file.needed.end(), [](const std::string& name) {
    return name.starts_with("libc.so.") && libc_of_library(name) == LibcKind::kNone;
  });
}

void judge(Library& library, const Jdk& jdk) {
  if (!library.file.is_x86_64) {
    library.why = "it is for another machine (" + library.file.machine + ")";
    return;
  }
  if (is_foreign(library.file)) {
    library.why = "it is for another system";
    return;
  }
  const LibcKind libc = libc_of(library.file);
  library.fits = libc == LibcKind::kNone || libc == jdk.libc;
  if (!library.fits)
    library.why = libc == LibcKind::kMusl ? "it is for musl, and the JDK for glibc"
                                          : "it is for glibc, and the JDK for musl";
}

Finding finding_of(const Library& library, std::string what, std::string consequence) {
  Finding finding;
  finding.kind = Finding::Kind::kLibrary;
  finding.place = library.place;
  finding.class_name = library.entry;
  finding.what = std::move(what);
  finding.consequence = std::move(consequence);
  return finding;
}

}  // namespace

NativeLibraries examine_libraries(const Program& program, const Jdk& jdk) {
  NativeLibraries result;
  // Jars bring a library for each machine; where one of a jar's fits, the others are no matter.
  std::map<std::string, std::vector<Library>> by_place;
  program.for_each_library(
      [&](const std::string& place, const std::string& entry, const std::string& bytes) {
        Result<ElfFile> file = parse_elf(bytes);
        if (!file) return;  // a file of that name need not be a library
        Library library{place, entry, std::move(file).value(), false, ""};
        judge(library, jdk);
        if (library.fits) {
          result.names.insert(base_name(entry));
          if (!library.file.soname.empty()) result.names.insert(library.file.soname);
        }
        by_place[place].push_back(std::move(library));
      });
  const LibraryCache host = LibraryCache::read_host();
  for (const auto& [place, libraries] : by_place) {
    const bool has_one = std::any_of(libraries.begin(), libraries.end(),
                                     [](const Library& library) { return library.fits; });
    if (!has_one) {
      result.findings.push_back(finding_of(libraries.front(), "is a native library",
                                           libraries.front().why + ": it cannot be loaded"));
      continue;
    }
    for (const Library& library : libraries) {
      if (!library.fits) continue;
      for (const std::string& name : library.file.needed) {
        const bool is_there = libc_of_library(name) != LibcKind::kNone ||
                              result.names.count(name) != 0 || !host.find(name).empty() ||
                              is_regular_file(jdk.home + "/lib/" + name) ||
                              is_regular_file(jdk.home + "/lib/server/" + name);
        if (!is_there)
          result.findings.push_back(
              finding_of(library, "needs " + name, "nobody has it: the library cannot be loaded"));
      }
    }
  }
  return result;
}

}  // namespace moka
