// SPDX-License-Identifier: Apache-2.0
//
// The runtime layer of a bootable image with only some of a JDK's modules: linked by the JDK's own
// jlink, at the JDK's own path. It is the same each time to the byte; the class-data archive, by
// which a JVM starts in half the time, is not, since it follows how threads took turns when it was
// dumped. So that is a layer of its own.
#pragma once

#include <string>
#include <vector>

#include "image/image_cache.h"
#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

// The paths of their images, from the cache where that has them. Block, for some seconds where not.
Result<std::string> trimmed_runtime_image(const ImageCache& cache, const Jdk& jdk,
                                          const std::vector<std::string>& modules);
// The files of the host's that are in such a runtime beside the JDK's own, as they were when it was
// linked; empty where the cache does not know.
Result<std::vector<std::string>> trimmed_runtime_files(const ImageCache& cache, const Jdk& jdk,
                                                       const std::vector<std::string>& modules);
// The class-data archive of such a runtime: itself, made anew each time, and as an image.
Result<std::string> base_archive(const ImageCache& cache, const Jdk& jdk,
                                 const std::vector<std::string>& modules);
Result<std::string> archive_image(const ImageCache& cache, const Jdk& jdk,
                                  const std::vector<std::string>& modules);

}  // namespace moka
