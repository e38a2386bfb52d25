// SPDX-License-Identifier: Apache-2.0
//
// Uses the test program itself and the host's C library: they are there wherever this runs.
//
// sources: launcher/elf/elf_closure.cc launcher/elf/elf_file.cc launcher/elf/library_cache.cc
// sources: launcher/support/files.cc

#include "elf/elf_closure.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "launcher/small_library.h"
#include "launcher/temporary_directory.h"

namespace moka {
namespace {

bool has_library(const ElfClosure& closure, const std::string& name) {
  return std::any_of(closure.libraries().begin(), closure.libraries().end(),
                     [&](const std::string& path) { return path.ends_with("/" + name); });
}

TEST(ElfClosure, TakesInterpreterAndLibraries) {
  ElfClosure closure(LibraryCache::read_host());
  ASSERT_TRUE(closure.add("/proc/self/exe"));
  EXPECT_TRUE(has_library(closure, "libc.so.6"));
  EXPECT_TRUE(has_library(closure, "ld-linux-x86-64.so.2"));
  EXPECT_TRUE(closure.missing().empty());
  EXPECT_TRUE(closure.libc_kinds().contains(LibcKind::kGlibc));
  EXPECT_FALSE(closure.libc_kinds().contains(LibcKind::kMusl));
}

TEST(ElfClosure, FindsTheSameWithoutACache) {
  ElfClosure closure{LibraryCache()};
  ASSERT_TRUE(closure.add("/proc/self/exe"));
  EXPECT_TRUE(has_library(closure, "libc.so.6"));
}

TEST(ElfClosure, SearchesRunpathOfTheObjectOnlyAndRpathOfItsLoadersToo) {
  test::TemporaryDirectory directory;
  const auto write = [&](const std::string& name, const std::vector<std::string>& needed,
                         const std::string& path, std::int64_t tag) {
    return directory.write(name, test::small_library(needed, path, tag));
  };
  write("lib/libinner.so", {"libdeep.so"}, "", 0);
  write("lib/libdeep.so", {}, "", 0);
  const std::string by_rpath = write("by_rpath.so", {"libinner.so"}, "$ORIGIN/lib", DT_RPATH);
  const std::string by_runpath =
      write("by_runpath.so", {"libinner.so"}, "${ORIGIN}/lib", DT_RUNPATH);

  ElfClosure inherits{LibraryCache()};
  ASSERT_TRUE(inherits.add(by_rpath));
  EXPECT_TRUE(has_library(inherits, "libdeep.so"));
  EXPECT_TRUE(inherits.missing().empty());

  ElfClosure does_not{LibraryCache()};
  ASSERT_TRUE(does_not.add(by_runpath));
  EXPECT_TRUE(has_library(does_not, "libinner.so"));
  ASSERT_EQ(does_not.missing().size(), 1u);
  EXPECT_EQ(does_not.missing()[0].library, "libdeep.so");

  ElfClosure with_path(LibraryCache(), {directory.path() + "/lib"});
  ASSERT_TRUE(with_path.add(by_runpath));
  EXPECT_TRUE(with_path.missing().empty());
}

TEST(ElfClosure, ProvidedLibrariesAreNotLookedFor) {
  test::TemporaryDirectory directory;
  ElfClosure closure{LibraryCache()};
  closure.provide("libjvm.so");
  ASSERT_TRUE(closure.add(directory.write("libx.so", test::small_library({"libjvm.so"}, "", 0))));
  EXPECT_TRUE(closure.missing().empty());
}

TEST(ElfClosure, NoticesMixedCLibraries) {
  test::TemporaryDirectory directory;
  ElfClosure closure(LibraryCache::read_host());
  ASSERT_TRUE(closure.add("/proc/self/exe"));
  ASSERT_TRUE(closure.add(
      directory.write("libx.so", test::small_library({"libc.musl-x86_64.so.1"}, "", 0))));
  EXPECT_TRUE(closure.libc_kinds().contains(LibcKind::kGlibc));
  EXPECT_TRUE(closure.libc_kinds().contains(LibcKind::kMusl));
}

TEST(ElfFile, RefusesOtherMachinesAndNoElf) {
  test::TemporaryDirectory directory;
  std::string foreign = test::small_library({}, "", 0);
  foreign[18] = static_cast<char>(EM_AARCH64);
  foreign[19] = 0;
  const std::string path = directory.write("foreign", foreign);
  const Result<ElfFile> file = ElfFile::read(path);
  ASSERT_TRUE(file);
  EXPECT_FALSE(file.value().is_x86_64);
  EXPECT_EQ(file.value().machine, "AArch64");
  EXPECT_FALSE(ElfClosure{LibraryCache()}.add(path));
  EXPECT_FALSE(ElfFile::read(directory.write("text", "#!/bin/sh\n")));
  EXPECT_FALSE(ElfFile::read(directory.path() + "/absent"));
}

TEST(ElfFile, SurvivesEveryDamagedByte) {
  test::TemporaryDirectory directory;
  const std::string whole = test::small_library({"liba.so"}, "$ORIGIN", DT_RUNPATH);
  for (std::size_t index = 0; index < whole.size(); ++index) {
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string damaged = whole;
      damaged[index] = value;
      (void)ElfFile::read(directory.write("damaged", damaged));
    }
  }
  for (std::size_t length = 0; length < whole.size(); ++length)
    (void)ElfFile::read(directory.write("short", whole.substr(0, length)));
}

}  // namespace
}  // namespace moka
