// SPDX-License-Identifier: Apache-2.0
//
// SipHash-2-4 (Aumasson and Bernstein, 2012): a short keyed hash that a peer cannot steer without the key. For
// sequence numbers and hash tables whose keys come from the network. Any context.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mokapot {

struct HashKey {
  std::uint64_t words[2] = {};
};

std::uint64_t keyed_hash(const HashKey& key, const void* bytes, std::size_t size);

}  // namespace mokapot
