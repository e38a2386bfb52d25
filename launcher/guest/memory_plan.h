// SPDX-License-Identifier: Apache-2.0
//
// How much memory a VM gets, and how much of it is heap unless the user says otherwise.
//
// The formula (docs/concepts/launcher.md): of M MiB, a Java heap may take
//     fit(M) = (M - 128) * 7/8
// 128 MiB for the kernel, the JVM's code and metadata, and thread stacks; an eighth of the rest for
// what grows with the heap (cards, marking bitmaps, remembered sets, page tables) and direct
// buffers. Where HotSpot's own default is no less than fit(M), which is so below about 270 MiB,
// HotSpot is left alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/result.h"

namespace moka {

// Below this the kernel and the smallest JVM do not fit.
inline constexpr std::uint64_t kLeastMemoryMiB = 40;

struct MemoryPlan {
  std::uint64_t mib = 0;
  bool is_default = false;  // no -m was given
  std::uint64_t host_mib = 0;
};

// "512", "512M", "2G", "1T", "1572864K"; plain numbers are MiB.
Result<std::uint64_t> parse_memory_mib(std::string_view text);

// What `free` would call total, or the cgroup's limit where that is less.
std::uint64_t host_memory_mib();

// Without -m: a quarter of the host's memory, at least 2 GiB, which is a ceiling and not a
// reservation: the host backs what the guest touches.
MemoryPlan default_memory(std::uint64_t host_mib);

// The largest heap that fits beside all else; may be less than HotSpot's default.
std::uint64_t heap_that_fits_mib(std::uint64_t mib);

// What HotSpot takes by itself when it sees so much memory.
std::uint64_t hotspot_default_heap_mib(std::uint64_t mib);

// JVM options for the plan: none where HotSpot's defaults fit best, or where `user_options` (those
// on the command line and those in JAVA_TOOL_OPTIONS and JDK_JAVA_OPTIONS) speak of the heap.
std::vector<std::string> heap_options(const MemoryPlan& plan,
                                      const std::vector<std::string>& user_options);

// The same for memory that is not known yet: ascending sizes in MiB, and the option from there on.
std::vector<std::pair<std::uint64_t, std::string>> heap_options_by_memory(
    const std::vector<std::string>& user_options);

}  // namespace moka
