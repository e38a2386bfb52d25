// SPDX-License-Identifier: Apache-2.0
//
// `moka run IMAGE`: a bootable image, started without firmware and boot loader, as the program in
// it was configured when it was built, with what this command line adds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/run_options.h"
#include "guest/initrd.h"
#include "guest/memory_plan.h"
#include "image/bootable_image.h"
#include "support/result.h"

namespace moka {

struct ImageTarget {
  BootableImage image;
  GuestConfig config;  // without what the host's streams and folders say
  bool is_java = false;
  std::vector<std::string> jvm_options;
};

// Whether the command line names such an image.
bool names_image(const RunOptions& options);

// Fails on options that would have to have been given to `moka build`.
Result<ImageTarget> resolve_image(const RunOptions& options, const MemoryPlan& memory,
                                  BootableImage image);

// The memory that the image was built for, or what the command line says.
std::optional<std::uint64_t> memory_wish(const RunOptions& options, const BootableImage& image);

}  // namespace moka
