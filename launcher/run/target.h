// SPDX-License-Identifier: Apache-2.0
//
// From the command line to what the guest will execute: the program, its arguments, and the files
// that it needs. Everything that can be known to be wrong is found here, before a VM starts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/artifact_options.h"
#include "cli/run_options.h"
#include "guest/memory_plan.h"
#include "image/application_image.h"
#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

struct Target {
  std::optional<Jdk> jdk;                // nothing for an ELF program
  std::string program;                   // absolute
  std::vector<std::string> arguments;    // argv[0] first
  std::vector<std::string> jvm_options;  // the user's, from wherever they come
  ApplicationFiles files;
};

// `environment`: the guest's. `artifacts`: where HotSpot shall write its files, if the VM has a
// folder for them. Blocks on files only.
Result<Target> resolve_target(const RunOptions& options, const MemoryPlan& memory,
                              const std::vector<std::string>& environment,
                              const std::string& working_directory,
                              const std::optional<ArtifactPlace>& artifacts = std::nullopt);

}  // namespace moka
