// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/bench/specjbb_kit.cc launcher/guest/memory_plan.cc launcher/support/files.cc

#include "bench/specjbb_kit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

TEST(SpecjbbKit, HeapFitsTheMemory) {
  const auto options = specjbb_jvm_options(8320, {});
  EXPECT_TRUE(has(options, "-Xmx7168m"));
  EXPECT_TRUE(has(options, "-Xms7168m"));
  EXPECT_TRUE(has(options, "-Xmn5734m"));
  EXPECT_TRUE(has(options, "-XX:+UseParallelGC"));
}

TEST(SpecjbbKit, UsersCollectorReplacesOurs) {
  const auto options = specjbb_jvm_options(4096, {"-XX:+UseG1GC", "-Xmn1g"});
  EXPECT_FALSE(has(options, "-XX:+UseParallelGC"));
  EXPECT_EQ(options.back(), "-Xmn1g");
}

TEST(SpecjbbKit, ArgumentsReplaceTheMode) {
  SpecjbbRun run{.kit = "/kit", .results = "/results", .memory_mib = 4096, .cpus = 2};
  auto words = specjbb_words(run);
  EXPECT_EQ((std::vector<std::string>(words.end() - 3, words.end())),
            (std::vector<std::string>{"/kit/specjbb2015.jar", "-m", "COMPOSITE"}));
  run.arguments = {"-m", "REPORTER"};
  words = specjbb_words(run);
  EXPECT_EQ((std::vector<std::string>(words.end() - 3, words.end())),
            (std::vector<std::string>{"/kit/specjbb2015.jar", "-m", "REPORTER"}));
  EXPECT_TRUE(has(words, "/results:/results"));
}

TEST(SpecjbbKit, IsRefusedWithAdviceWhereItIsNone) {
  const auto problem = check_specjbb_kit("/nowhere");
  ASSERT_FALSE(problem);
  EXPECT_NE(problem.error().message.find("specjbb2015.jar"), std::string::npos);
}

TEST(SpecjbbKit, ResultsAreNeverWrittenOver) {
  const test::TemporaryDirectory place;
  const std::string kit = place.path() + "/kit";
  std::filesystem::create_directories(kit + "/config");
  std::ofstream(kit + "/config/specjbb2015.props") << "x";
  const SpecjbbRun run{.kit = kit, .results = place.path() + "/out"};
  ASSERT_TRUE(prepare_specjbb_results(run));
  EXPECT_TRUE(std::filesystem::exists(run.results + "/config/specjbb2015.props"));
  EXPECT_FALSE(prepare_specjbb_results(run));
  EXPECT_TRUE(specjbb_reports(run.results).empty());
  std::filesystem::create_directories(run.results + "/result/report-00001");
  std::ofstream(run.results + "/result/report-00001/a.html") << "x";
  EXPECT_EQ(specjbb_reports(run.results).size(), 1u);
}

}  // namespace
}  // namespace moka
