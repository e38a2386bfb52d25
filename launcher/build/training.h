// SPDX-License-Identifier: Apache-2.0
//
// Runs an application once in a VM and keeps the archive of what its JVM loaded, or takes an
// archive that an earlier build has made (docs/concepts/training.md).
#pragma once

#include <functional>
#include <string>

#include "build/image_plan.h"
#include "build/trained_archive.h"
#include "build/training_wish.h"
#include "guest/initrd.h"
#include "image/image_cache.h"
#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

struct TrainingSubject {
  const Jdk& jdk;
  ArchiveKind kind = ArchiveKind::kNone;
  ArchiveKey key;  // its processor is found out here
  ImagePlan plan;  // of the image without an archive: runtime, then application
  GuestConfig config;
  std::size_t user_words = 0;  // the last arguments, which are the program's
  std::optional<std::uint64_t> memory_mib;
  // The JDK's own archive, where the runtime has none and the application's rests on one.
  std::function<Result<std::string>()> make_base;
};

// Takes the archive from the cache where an equal training has made one. Blocks, for as long as the
// application takes to start and to end, and some more. Fails where it is interrupted, or the
// program does not do as it should; then the image can still be made.
Result<TrainedArchive> train(TrainingSubject subject, const TrainingWish& wish,
                             const ImageCache& cache);

// The archive of --archive. Fails with advice where it is for something else.
Result<TrainedArchive> given_archive(const TrainingSubject& subject, const TrainingWish& wish);

}  // namespace moka
