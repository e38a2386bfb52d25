// SPDX-License-Identifier: Apache-2.0
//
// The command line of `moka build`: that of `moka run`, with where the image goes. Options may
// stand before and behind the program's name; words behind it that are none of them are the
// program's arguments, and all words behind "--" are.
#pragma once

#include <string>
#include <vector>

#include "build/training_wish.h"
#include "cli/run_options.h"
#include "disk/image_format.h"
#include "support/result.h"

namespace moka {

// kAuto: trimmed where it is known what the application uses.
enum class RuntimeChoice { kAuto, kTrimmed, kWhole };

struct BuildOptions {
  RunOptions run;
  std::string output;  // absolute
  ImageFormat format = ImageFormat::kRaw;
  RuntimeChoice runtime = RuntimeChoice::kAuto;
  TrainingWish training;  // kNone: no archive at all, not even a trimmed runtime's own
};

// Fails on options of `moka run` that mean nothing to an image.
Result<BuildOptions> parse_build_options(const std::vector<std::string>& words);

extern const char* const kBuildUsage;

}  // namespace moka
