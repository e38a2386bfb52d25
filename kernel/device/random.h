// SPDX-License-Identifier: Apache-2.0
//
// The kernel's random numbers: a ChaCha20 generator with fast key erasure, seeded from virtio-rng,
// RDSEED or RDRAND and timing jitter, reseeded now and then. Any context but NMI.
#pragma once

#include <cstddef>

namespace mokapot {

void add_entropy(const void* bytes, std::size_t size);
void random_bytes(void* to, std::size_t size);

}  // namespace mokapot
