// SPDX-License-Identifier: Apache-2.0
//
// Which formats an image may have: the one table, for moka build, moka convert and what reads them.
#pragma once

#include <string>

#include "support/result.h"

namespace moka {

enum class ImageFormat { kRaw, kQcow2, kGce, kPair };

// By --format where `wish` is not empty, else by the file's name. Fails on formats that cannot be
// made, with why.
Result<ImageFormat> choose_format(const std::string& wish, const std::string& output);

// A pair is a folder, every other format one file.
inline bool is_folder_format(ImageFormat format) { return format == ImageFormat::kPair; }

}  // namespace moka
