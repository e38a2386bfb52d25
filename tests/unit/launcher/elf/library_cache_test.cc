// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/elf/library_cache.cc launcher/support/files.cc

#include "elf/library_cache.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace moka {
namespace {

struct Library {
  std::uint32_t flags;
  std::uint64_t capabilities;
  std::string name;
  std::string path;
};

std::string bytes_of(std::uint64_t value, std::size_t size) {
  return {reinterpret_cast<const char*>(&value), size};
}

std::string cache_of(const std::vector<Library>& libraries) {
  std::string strings;
  std::string entries;
  const std::size_t strings_at = 48 + 24 * libraries.size();
  for (const Library& library : libraries) {
    const std::size_t name = strings_at + strings.size();
    strings += library.name + '\0';
    const std::size_t path = strings_at + strings.size();
    strings += library.path + '\0';
    entries += bytes_of(library.flags, 4) + bytes_of(name, 4) + bytes_of(path, 4) + bytes_of(0, 4) +
               bytes_of(library.capabilities, 8);
  }
  return "glibc-ld.so.cache1.1" + bytes_of(libraries.size(), 4) + bytes_of(strings.size(), 4) +
         std::string(20, '\0') + entries + strings;
}

TEST(LibraryCache, FindsPlainLibrariesOfThisMachine) {
  const LibraryCache cache = LibraryCache::parse(
      cache_of({{0x0303, 1, "liba.so.1", "/lib/glibc-hwcaps/x86-64-v4/liba.so.1"},
                {0x0303, 0, "liba.so.1", "/lib/liba.so.1"},
                {0x0003, 0, "libb.so.1", "/lib32/libb.so.1"}}));
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.find("liba.so.1"), "/lib/liba.so.1");
  EXPECT_EQ(cache.find("libb.so.1"), "");
}

TEST(LibraryCache, FindsWhatIsNamedAsDlopensCallersDo) {
  std::vector<Library> libraries;
  for (const char* name : {"libudev.so.1", "libz.so", "libz.so.1", "libfoo.so.9", "libfoo.so.10", "libfoo.so.10.2",
                           "libfoobar.so.3", "libfoo.soft"})
    libraries.push_back({0x0303, 0, name, std::string("/lib/") + name});
  const LibraryCache cache = LibraryCache::parse(cache_of(libraries));
  EXPECT_EQ(cache.find_named("udev"), "libudev.so.1");
  EXPECT_EQ(cache.find_named("z"), "libz.so");
  EXPECT_EQ(cache.find_named("foo"), "libfoo.so.10.2");
  EXPECT_EQ(cache.find_named("libfoo.so.9"), "libfoo.so.9");
  EXPECT_EQ(cache.find_named("fo"), "");
  EXPECT_EQ(cache.find_named(""), "");
}

TEST(LibraryCache, StringsCountFromTheNewHeader) {
  const LibraryCache cache = LibraryCache::parse("ld.so-1.7.0 and the old table" +
                                                 cache_of({{0x0303, 0, "l.so", "/l.so"}}));
  EXPECT_EQ(cache.find("l.so"), "/l.so");
}

TEST(LibraryCache, ADamagedCacheIsEmptyOrPartial) {
  const std::string whole = cache_of({{0x0303, 0, "l.so", "/l.so"}});
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(LibraryCache::parse(whole.substr(0, length)).size(), 0u);
  for (std::size_t index = 20; index < whole.size(); ++index) {
    std::string damaged = whole;
    damaged[index] = '\xff';
    (void)LibraryCache::parse(damaged);  // the sanitizers watch
  }
}

}  // namespace
}  // namespace moka
