// SPDX-License-Identifier: Apache-2.0
//
// /etc/ld.so.cache: from a library's soname to its file, as ldconfig wrote it. The format is
// glibc's "glibc-ld.so.cache1.1" (glibc: sysdeps/generic/dl-cache.h); an older header may come
// before it.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace moka {

class LibraryCache {
 public:
  // A damaged or foreign cache is an empty one: the loader goes on without it, too.
  static LibraryCache parse(std::string_view bytes);
  static LibraryCache read_host();

  // "" where the cache has no x86-64 library of that name.
  std::string find(std::string_view soname) const;
  // As dlopen's callers name libraries: "udev" is libudev.so, or else the highest version of it; "libudev.so.1" is
  // itself. The soname, "" where there is none.
  std::string find_named(std::string_view name) const;
  std::size_t size() const { return paths_.size(); }

 private:
  std::map<std::string, std::string, std::less<>> paths_;
};

}  // namespace moka
