// SPDX-License-Identifier: Apache-2.0
//
// Files without a name: what they share, and the numbers that stat shows for them.
#pragma once

#include <cstdint>

#include "io/file.h"

namespace mokapot {

inline constexpr std::uint32_t kFifoMode = 0010000, kSocketMode = 0140000, kCharacterMode = 0020000;

// st_dev of Linux's pipefs, sockfs and anon_inodefs: minors of major 0 that no mount of ours uses.
inline constexpr std::uint64_t kPipeDevice = 14, kSocketDevice = 8, kAnonymousDevice = 15;

// Inode numbers for pipes and sockets, never 0. Any context.
std::uint64_t next_anonymous_inode();

// Files such as eventfd and epoll all sit on one inode with no type bits.
FileStatus anonymous_status();

}  // namespace mokapot
