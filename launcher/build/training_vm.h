// SPDX-License-Identifier: Apache-2.0
//
// One run of an application for training: a `moka run` of our own, of a disk with the image's
// layers, in a VM that has loopback only and shares nothing but a folder for the archive. Ends it
// in good order once it is ready and has served what it was asked for. Blocks; after Ctrl-C it ends
// soon, with the VM.
#pragma once

#include <string>
#include <vector>

#include "build/training_wish.h"
#include "support/result.h"

namespace moka {

struct TrainingRun {
  std::string disk;                  // an image
  std::string folder;                // of the host, shared with the VM
  std::string state;                 // a folder for what `moka run` keeps on the side
  std::string kernel;                // "" for the image's
  std::vector<std::string> options;  // more of `moka run`
  std::vector<TrainingWish::Url> urls;
  unsigned ready_seconds = 0;
  bool ends_by_itself = false;  // nothing is waited for but its end
};

// Where the VM sees the folder.
inline constexpr const char* kTrainingFolder = "/run/mokapot/training";

// Fails where the VM or its JVM did not end in good order, or a URL was not served.
Result<void> run_for_training(const TrainingRun& run);

}  // namespace moka
