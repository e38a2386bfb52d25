// SPDX-License-Identifier: Apache-2.0
//
// What the user wants of training: the options --train, --no-train, --train-limit, --archive and
// --archive-out of `moka build`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/result.h"

namespace moka {

struct TrainingWish {
  enum class Kind { kNone, kStart, kArguments, kUrls, kGiven };

  Kind kind = Kind::kStart;
  bool is_asked_for = false;           // by --train, so that it is said where it cannot be
  std::vector<std::string> arguments;  // kArguments: the program's, in place of the image's
  struct Url {
    std::uint16_t port = 80;
    std::string target;  // "/path?query"
  };
  std::vector<Url> urls;       // kUrls
  std::string given;           // kGiven: the archive's file, absolute
  std::string output;          // where the archive shall go, too; absolute, or ""
  unsigned limit_seconds = 0;  // until the program counts as ready; 0: the default
};

// The value of --train: URLs, if the first word is one, else arguments, read as java reads
// argument files.
Result<TrainingWish> parse_training(const std::string& text);

// The value of --train-limit.
Result<unsigned> parse_training_limit(const std::string& text);

}  // namespace moka
