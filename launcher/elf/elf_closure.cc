// SPDX-License-Identifier: Apache-2.0
#include "elf/elf_closure.h"

#include <unistd.h>

#include "support/files.h"

namespace moka {
namespace {

// Debian's and Red Hat's, in the order of glibc's ld.so on Debian.
const std::vector<std::string> kGlibcDirectories = {"/lib/x86_64-linux-gnu",
                                                    "/usr/lib/x86_64-linux-gnu",
                                                    "/lib64",
                                                    "/usr/lib64",
                                                    "/lib",
                                                    "/usr/lib"};
const std::vector<std::string> kMuslDirectories = {
    "/lib", "/usr/local/lib", "/usr/lib", "/lib/x86_64-linux-musl", "/usr/lib/x86_64-linux-musl"};

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string expand_tokens(const std::string& directory, const std::string& origin) {
  std::string expanded = directory;
  for (const char* token : {"${ORIGIN}", "$ORIGIN"})
    expanded = replace_all(expanded, token, origin);
  for (const char* token : {"${LIB}", "$LIB"})
    expanded = replace_all(expanded, token, "lib/x86_64-linux-gnu");
  for (const char* token : {"${PLATFORM}", "$PLATFORM"})
    expanded = replace_all(expanded, token, "x86_64");
  return expanded;
}

// A file of that name for another machine is passed over, as ld.so does.
bool is_loadable(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0) return false;
  const Result<ElfFile> file = ElfFile::read(path);
  return file && file.value().is_x86_64;
}

}  // namespace

LibcKind libc_of_interpreter(std::string_view interpreter) {
  if (interpreter.empty()) return LibcKind::kNone;
  return interpreter.find("ld-musl") != std::string_view::npos ? LibcKind::kMusl : LibcKind::kGlibc;
}

LibcKind libc_of_library(std::string_view soname) {
  if (soname == "libc.so.6" || soname == "ld-linux-x86-64.so.2") return LibcKind::kGlibc;
  // A musl program that was linked by musl-gcc asks for plain "libc.so".
  if (soname.starts_with("libc.musl-") || soname.starts_with("ld-musl-") || soname == "libc.so")
    return LibcKind::kMusl;
  return LibcKind::kNone;
}

Result<void> ElfClosure::add(const std::string& path) {
  Object object{path, MOKA_TRY(ElfFile::read(path)), nullptr};
  if (!object.file.is_x86_64)
    return Error{path + " is for another machine (" + object.file.machine +
                 "); give one for x86-64"};
  if (!visited_.insert(path).second) return {};
  LibcKind libc = LibcKind::kNone;
  if (!object.file.interpreter.empty()) {
    libc = libc_of_interpreter(object.file.interpreter);
    note_libc(libc, path);
    if (::access(object.file.interpreter.c_str(), R_OK) != 0) {
      missing_.push_back({object.file.interpreter, path});
    } else if (visited_.insert(object.file.interpreter).second) {
      libraries_.push_back(object.file.interpreter);
    }
  }
  for (const std::string& name : object.file.needed)
    if (libc == LibcKind::kNone) libc = libc_of_library(name);
  add_needs(object, libc);
  return {};
}

void ElfClosure::add_optional(const std::string& soname) {
  const Object nobody{"", {}, nullptr};
  const std::string found = find(nobody, soname, LibcKind::kGlibc);
  if (found.empty() || !visited_.insert(found).second) return;
  libraries_.push_back(found);
  Result<ElfFile> file = ElfFile::read(found);
  if (file) add_needs({found, std::move(file).value(), nullptr}, LibcKind::kGlibc);
}

void ElfClosure::add_needs(const Object& object, LibcKind libc) {
  for (const std::string& name : object.file.needed) {
    note_libc(libc_of_library(name), object.path);
    if (provided_.contains(name)) continue;
    // musl is its own loader and C library in one file, which the interpreter brought already.
    if (libc == LibcKind::kMusl && libc_of_library(name) == LibcKind::kMusl) continue;
    const std::string found = find(object, name, libc);
    if (found.empty()) {
      missing_.push_back({name, object.path});
      continue;
    }
    if (!visited_.insert(found).second) continue;
    libraries_.push_back(found);
    Result<ElfFile> file = ElfFile::read(found);
    // Recursion is as deep as the chain of libraries, which visited_ keeps finite.
    if (file) add_needs({found, std::move(file).value(), &object}, libc);
  }
}

std::string ElfClosure::find(const Object& object, const std::string& name, LibcKind libc) const {
  if (name.find('/') != std::string::npos) return is_loadable(name) ? name : std::string();
  if (object.file.runpath.empty()) {
    for (const Object* current = &object; current != nullptr; current = current->loader) {
      if (!current->file.runpath.empty()) continue;
      std::string found = find_in(current->file.rpath, parent_path(current->path), name);
      if (!found.empty()) return found;
    }
  }
  std::string found = find_in(library_path_, "", name);
  if (found.empty()) found = find_in(object.file.runpath, parent_path(object.path), name);
  if (found.empty() && libc != LibcKind::kMusl) {
    found = cache_.find(name);
    if (!found.empty() && !is_loadable(found)) found.clear();
  }
  if (found.empty())
    found = find_in(libc == LibcKind::kMusl ? kMuslDirectories : kGlibcDirectories, "", name);
  return found;
}

std::string ElfClosure::find_in(const std::vector<std::string>& directories,
                                const std::string& origin, const std::string& name) const {
  for (const std::string& directory : directories) {
    if (directory.empty()) continue;
    const std::string candidate = absolute_path(expand_tokens(directory, origin) + "/" + name);
    if (is_loadable(candidate)) return candidate;
  }
  return {};
}

void ElfClosure::note_libc(LibcKind kind, const std::string& path) {
  if (kind != LibcKind::kNone) libc_kinds_.emplace(kind, path);
}

}  // namespace moka
