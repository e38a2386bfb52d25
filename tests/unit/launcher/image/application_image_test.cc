// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/image/application_image.cc launcher/image/tree_plan.cc
// sources: launcher/elf/elf_closure.cc launcher/elf/elf_file.cc launcher/elf/library_cache.cc
// sources: launcher/support/files.cc launcher/support/hash.cc

#include "image/application_image.h"

#include <elf.h>
#include <gtest/gtest.h>

#include "launcher/small_library.h"
#include "launcher/temporary_directory.h"

namespace moka {
namespace {

TEST(ApplicationImage, AProgramWithoutALibraryThatItNeedsIsAnError) {
  test::TemporaryDirectory directory;
  ApplicationFiles files;
  files.programs = {directory.write("program", test::small_library({"libnowhere.so"}))};
  const Result<TreePlan> plan = plan_application(files);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("libnowhere.so"), std::string::npos);
}

// An agent that calls the JVM's own functions: libjvm.so is loaded by then.
TEST(ApplicationImage, WhatTheJdkBringsIsNotMissing) {
  test::TemporaryDirectory directory;
  const std::string agent = directory.write("libagent.so", test::small_library({"libjvm.so"}));
  ApplicationFiles files;
  files.programs = {agent};
  files.provided = {"libjvm.so"};
  const Result<TreePlan> plan = plan_application(files);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan.value().entries().contains(agent));
}

// Those of a java.library.path: what is missing the application hears of when it loads them.
TEST(ApplicationImage, WhatMayBeLoadedComesAlongAsFarAsItCan) {
  test::TemporaryDirectory directory;
  const std::string incomplete =
      directory.write("libincomplete.so", test::small_library({"libnowhere.so"}));
  const std::string foreign =
      directory.write("libforeign.so", test::small_library({}, "", 0, EM_AARCH64));
  const std::string musl = directory.write("libmusl.so", test::small_library({"libc.so"}));
  const std::string needed = directory.write("inside/libneeded.so", test::small_library({}));
  const std::string whole = directory.write(
      "libwhole.so", test::small_library({"libneeded.so"}, "$ORIGIN/inside", DT_RUNPATH));
  ApplicationFiles files;
  files.programs = {"/proc/self/exe"};
  files.loadable = {incomplete, foreign, musl, whole};
  const Result<TreePlan> plan = plan_application(files);
  ASSERT_TRUE(plan) << plan.error().message;
  for (const std::string& path : {incomplete, foreign, musl, whole, needed})
    EXPECT_TRUE(plan.value().entries().contains(path)) << path;
}

}  // namespace
}  // namespace moka
