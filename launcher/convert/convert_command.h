// SPDX-License-Identifier: Apache-2.0
//
// `moka convert IMAGE -o OTHER`: the same image in another format.
#pragma once

#include <string>
#include <vector>

#include "disk/image_format.h"
#include "image/image_parts.h"

namespace moka {

// `words`: what follows `moka convert`. Returns the exit status.
int convert_command_line(const std::vector<std::string>& words);

// Writes parts as an image, which appears whole or not at all, with its bill of materials beside
// it. kKept: the image that had the name stays as PATH.previous. Blocks.
enum class Replaced { kGone, kKept };
Result<void> put_image(const std::string& path, ImageFormat format, const ImageParts& parts,
                       const ImageCache& cache, const std::string& scratch, Replaced replaced);

extern const char* const kConvertUsage;

}  // namespace moka
