// SPDX-License-Identifier: Apache-2.0
#include "bench/specjbb_kit.h"

#include <algorithm>
#include <filesystem>

#include "guest/memory_plan.h"
#include "support/files.h"

namespace moka {
namespace {

constexpr const char* kJar = "/specjbb2015.jar";
constexpr const char* kSettings = "/config";

bool chooses_collector(const std::string& option) {
  return option.starts_with("-XX:+Use") && option.ends_with("GC");
}

}  // namespace

Result<void> check_specjbb_kit(const std::string& kit) {
  for (const char* part : {kJar, "/config/specjbb2015.props"})
    if (!is_regular_file(kit + part))
      return Error{kit + " is not a SPECjbb2015 kit: it has no " + (part + 1) +
                   " (SPEC licenses the kit: https://www.spec.org/order.html; name the folder that "
                   "its installer or disk holds)"};
  return {};
}

std::vector<std::string> specjbb_jvm_options(std::uint64_t memory_mib,
                                             const std::vector<std::string>& user_options) {
  const std::uint64_t heap = heap_that_fits_mib(memory_mib);
  // Nearly all of the benchmark's objects die young.
  const std::uint64_t young = heap * 4 / 5;
  std::vector<std::string> options = {
      "-Xms" + std::to_string(heap) + "m", "-Xmx" + std::to_string(heap) + "m",
      "-Xmn" + std::to_string(young) + "m", "-XX:+AlwaysPreTouch", "-XX:+UseLargePages"};
  if (std::none_of(user_options.begin(), user_options.end(), chooses_collector))
    options.emplace_back("-XX:+UseParallelGC");
  options.insert(options.end(), user_options.begin(), user_options.end());
  return options;
}

std::vector<std::string> specjbb_words(const SpecjbbRun& run) {
  std::vector<std::string> words = {"-m",      std::to_string(run.memory_mib),
                                    "-c",      std::to_string(run.cpus),
                                    "--mount", run.results + ":" + run.results,
                                    "--no-publish"};
  if (!run.jdk.empty()) words.insert(words.end(), {"--jdk", run.jdk});
  for (const std::string& option : specjbb_jvm_options(run.memory_mib, run.jvm_options))
    words.insert(words.end(), {"-J", option});
  words.push_back(run.kit + kJar);
  if (run.arguments.empty()) words.insert(words.end(), {"-m", "COMPOSITE"});
  words.insert(words.end(), run.arguments.begin(), run.arguments.end());
  return words;
}

Result<void> prepare_specjbb_results(const SpecjbbRun& run) {
  std::error_code error;
  if (!std::filesystem::create_directory(run.results, error))
    return Error{"the folder for results " + run.results + " cannot be made: " +
                 (error ? error.message() : "it is there already; name another with -o")};
  std::filesystem::copy(run.kit + kSettings, run.results + kSettings,
                        std::filesystem::copy_options::recursive, error);
  if (error)
    return Error{"the kit's settings cannot be copied to " + run.results + ": " + error.message()};
  return {};
}

std::vector<std::string> specjbb_reports(const std::string& results) {
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(results, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string path = entry->path();
    if (path.ends_with(".html") || path.ends_with(".raw") || path.ends_with(".data.gz"))
      found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace moka
