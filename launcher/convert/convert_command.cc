// SPDX-License-Identifier: Apache-2.0
#include "convert/convert_command.h"

#include <cstdio>

#include "build/bill_of_materials.h"
#include "disk/boot_loader.h"
#include "image/image_cache.h"
#include "session/exit_report.h"
#include "support/files.h"
#include "support/interruption.h"
#include "support/scratch_directory.h"

namespace moka {

const char* const kConvertUsage =
    "usage: moka convert [OPTION]... IMAGE -o OTHER\n"
    "\n"
    "The same image in another format. Layers, kernel and configuration stay as they are, to the\n"
    "byte, and each layer is compared with the digest in the image's manifest first.\n"
    "\n"
    "  -o OTHER           where it goes: NAME.qcow2, NAME.img, or a folder for kernel, initrd\n"
    "                     and disk\n"
    "  --format FORMAT    raw, qcow2 or pair (the folder), whatever the name says\n";

namespace {

struct Options {
  std::string image, output;
  ImageFormat format = ImageFormat::kRaw;
};

Result<Options> parse(const std::vector<std::string>& words) {
  Options options;
  std::string wish;
  for (std::size_t index = 0; index < words.size(); ++index) {
    const std::string& word = words[index];
    const bool has_value = word == "-o" || word == "--format";
    if (has_value && index + 1 == words.size())
      return Error{word + " needs a value (moka convert --help)"};
    if (word == "-o") {
      options.output = words[++index];
    } else if (word == "--format") {
      wish = words[++index];
    } else if (word.starts_with("--format=")) {
      wish = word.substr(9);
    } else if (word.starts_with('-') || !options.image.empty()) {
      return Error{"convert does not know " + word + " (moka convert --help)"};
    } else {
      options.image = absolute_path(word);
    }
  }
  if (options.image.empty()) return Error{"say which image: moka convert IMAGE -o OTHER"};
  if (options.output.empty()) return Error{"say where it goes: moka convert IMAGE -o OTHER"};
  options.format = MOKA_TRY(choose_format(wish, options.output));
  options.output = absolute_path(options.output);
  if (options.output == options.image)
    return Error{"the image cannot be converted onto itself; name another file by -o"};
  return options;
}

Result<void> convert(const Options& options) {
  const ImageCache cache = MOKA_TRY(ImageCache::open());
  const ScratchDirectory scratch =
      MOKA_TRY(ScratchDirectory::create(cache.directory(), ImageCache::kTemporaryPrefix));
  ImageParts parts = MOKA_TRY(read_image_parts(options.image, scratch.path()));
  BillOfMaterials bill{parts.sbom, parts.licenses};
  if (is_folder_format(options.format)) {
    set_boot_loader(bill, "");
  } else if (!parts.boot_loader) {
    set_boot_loader(bill, boot_loader_version());
  }
  parts.sbom = std::move(bill.sbom);
  parts.licenses = std::move(bill.licenses);
  return put_image(options.output, options.format, parts, cache, scratch.path(), Replaced::kGone);
}

}  // namespace

Result<void> put_image(const std::string& path, ImageFormat format, const ImageParts& parts,
                       const ImageCache& cache, const std::string& scratch, Replaced replaced) {
  const bool is_folder = is_folder_format(format);
  if (is_folder) MOKA_TRY(check_image_folder(path));
  OutputFile output = MOKA_TRY(
      OutputFile::create(path, is_folder ? OutputFile::Kind::kFolder : OutputFile::Kind::kFile));
  MOKA_TRY(write_image(format, parts, output, cache, scratch));
  if (is_interrupted()) return interrupted();
  if (replaced == Replaced::kKept) {
    MOKA_TRY(output.finish_keeping(path + ".previous"));
  } else {
    MOKA_TRY(output.finish());
  }
  // A pair has it inside.
  if (is_folder) return {};
  return write_file_atomically(path + ".cdx.json", parts.sbom, 0644);
}

int convert_command_line(const std::vector<std::string>& words) {
  if (!words.empty() && (words.front() == "--help" || words.front() == "-h")) {
    std::fputs(kConvertUsage, stdout);
    return 0;
  }
  take_interruptions();
  const Result<Options> options = parse(words);
  const Result<void> converted = options ? convert(options.value()) : Result<void>(options.error());
  if (converted) return 0;
  std::fprintf(stderr, "moka: %s\n", converted.error().message.c_str());
  die_if_interrupted();
  return kStatusBadInput;
}

}  // namespace moka
