// SPDX-License-Identifier: Apache-2.0
//
// What the QEMU at hand can do that not every build of it can.
#pragma once

#include <string>

#include "image/image_cache.h"

namespace moka {

// Whether it offers ivshmem and read-only memory of a file, by which layers are shown as memory.
// Asked once for each QEMU, and remembered.
bool offers_memory_layers(const ImageCache& cache, const std::string& qemu);

}  // namespace moka
