// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/image/direct_calls.cc launcher/image/tree_plan.cc launcher/direct/call_sites.cc
// sources: launcher/direct/instructions.cc launcher/direct/program_text.cc launcher/direct/frame_table.cc
// sources: launcher/elf/elf_file.cc launcher/support/files.cc launcher/support/hash.cc
// libs: $(ZYDIS)
//
// Which files of an image get a table, and under which name.

#include "image/direct_calls.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "contract/direct_calls.h"
#include "support/files.h"
#include "launcher/temporary_directory.h"

namespace moka {
namespace {

using test::TemporaryDirectory;

std::string table_of(const std::string& path) { return mokapot::contract::kDirectCallsFolder + path; }

// A copy, so that no link of this machine's is in its path.
std::string copy_of_libc(const TemporaryDirectory& directory, const std::string& name) {
  const std::string path = directory.path() + "/" + name;
  std::ofstream(path, std::ios::binary) << read_file("/lib/x86_64-linux-gnu/libc.so.6", 1 << 26).value();
  return path;
}

TEST(DirectCallTables, AreThereForProgramsWithSystemCalls) {
  TemporaryDirectory directory;
  const std::string library = copy_of_libc(directory, "libc.so.6");
  const std::string other = copy_of_libc(directory, "data");
  const std::string text = directory.path() + "/text.so";
  std::ofstream(text) << "no program";
  TreePlan plan;
  plan.add(library);
  plan.add(other);
  plan.add(text);
  add_direct_calls(plan);
  EXPECT_TRUE(plan.contains(table_of(library)));
  EXPECT_FALSE(plan.contains(table_of(other)));  // neither a library's name nor executable
  EXPECT_FALSE(plan.contains(table_of(text)));
}

TEST(DirectCallTables, AreTheSameEachTime) {
  TemporaryDirectory directory;
  const std::string library = copy_of_libc(directory, "libc.so.6");
  TreePlan one, two;
  one.add(library);
  two.add(library);
  add_direct_calls(one);
  add_direct_calls(two);
  EXPECT_EQ(one.entries().at(table_of(library)).content, two.entries().at(table_of(library)).content);
}

}  // namespace
}  // namespace moka
