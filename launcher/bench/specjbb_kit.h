// SPDX-License-Identifier: Apache-2.0
//
// The SPECjbb2015 kit as SPEC ships it: a jar, and a folder of settings that it looks for where it
// is started.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/result.h"

namespace moka {

struct SpecjbbRun {
  std::string kit;      // absolute
  std::string results;  // absolute; the program's working directory
  std::uint64_t memory_mib = 0;
  unsigned cpus = 0;
  std::string jdk{};
  std::vector<std::string> jvm_options{};  // the user's
  std::vector<std::string> arguments{};    // for the kit, instead of "-m COMPOSITE"
};

// Fails with advice where `kit` is no such kit.
Result<void> check_specjbb_kit(const std::string& kit);

// Options of the JVM: what the kit's publications use and a VM has no reason to change. The user's
// own come behind them and win; a collector of theirs replaces ours.
std::vector<std::string> specjbb_jvm_options(std::uint64_t memory_mib,
                                             const std::vector<std::string>& user_options);

// The words of `moka run`.
std::vector<std::string> specjbb_words(const SpecjbbRun& run);

// Makes the folder for results, with the kit's settings in it.
Result<void> prepare_specjbb_results(const SpecjbbRun& run);

// What the run left: reports (.html, .raw) and data (.data.gz); sorted paths.
std::vector<std::string> specjbb_reports(const std::string& results);

}  // namespace moka
