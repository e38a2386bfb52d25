// SPDX-License-Identifier: Apache-2.0
#include "build/build_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "build/build_options.h"
#include "build/image_plan.h"
#include "check/check_command.h"
#include "image/image_parts.h"
#include "session/messages.h"
#include "support/files.h"
#include "support/interruption.h"
#include "support/output_file.h"
#include "support/scratch_directory.h"

namespace moka {
namespace {

ImageParts parts_of(const ImagePlan& plan) {
  ImageParts parts;
  parts.manifest = plan.manifest;
  parts.kernel = plan.kernel;
  parts.kernel_options = plan.kernel_options;
  parts.initrd = plan.initrd;
  parts.sbom = plan.sbom;
  parts.licenses = plan.licenses;
  parts.layers = layer_partitions(plan);
  return parts;
}

Result<void> build(const BuildOptions& options, const Messages& messages) {
  const ImageCache cache = MOKA_TRY(ImageCache::open());
  const bool is_pair = is_folder_format(options.format);
  if (is_pair) MOKA_TRY(check_image_folder(options.output));
  OutputFile output = MOKA_TRY(OutputFile::create(
      options.output, is_pair ? OutputFile::Kind::kFolder : OutputFile::Kind::kFile));
  if (!options.run.folder.empty() && ::chdir(options.run.folder.c_str()) != 0)
    return Error{"--dir " + options.run.folder + ": " + error_text(errno)};
  if (const std::string text = check_warning(options.run); !text.empty())
    std::fputs(messages.warning(text).c_str(), stderr);
  const ImagePlan plan = MOKA_TRY(plan_image(options, cache));
  if (!plan.note.empty()) std::fputs(messages.note(plan.note).c_str(), stderr);
  if (!plan.warning.empty()) std::fputs(messages.warning(plan.warning).c_str(), stderr);
  if (!plan.archive.empty())
    MOKA_TRY(write_file_atomically(options.training.output, plan.archive, 0644));
  const ScratchDirectory scratch =
      MOKA_TRY(ScratchDirectory::create(cache.directory(), ImageCache::kTemporaryPrefix));
  MOKA_TRY(write_image(options.format, parts_of(plan), output, cache, scratch.path()));
  if (is_interrupted()) return interrupted();
  MOKA_TRY(output.finish());
  // A pair has it inside.
  if (is_pair) return {};
  return write_file_atomically(options.output + ".cdx.json", plan.sbom, 0644);
}

}  // namespace

int build_command_line(const std::vector<std::string>& words) {
  if (!words.empty() && (words.front() == "--help" || words.front() == "-h")) {
    std::fputs(kBuildUsage, stdout);
    return 0;
  }
  const Result<BuildOptions> options = parse_build_options(words);
  const OutputFormat format = options ? options.value().run.output : OutputFormat::kText;
  const Messages messages(format, options && options.value().run.is_verbose);
  if (!options) {
    std::fputs(messages.error(options.error().message).c_str(), stderr);
    return kStatusBadInput;
  }
  take_interruptions();
  const Result<void> built = build(options.value(), messages);
  if (built) return 0;
  std::fputs(messages.error(built.error().message).c_str(), stderr);
  die_if_interrupted();
  return kStatusBadInput;
}

}  // namespace moka
