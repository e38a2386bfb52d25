// SPDX-License-Identifier: Apache-2.0
//
// /proc/<pid>/pagemap: eight bytes for each page of the address space, at its number. Frame numbers are shown, as to root
// on Linux. There is no swap, and nobody clears soft-dirty marks: all that is there counts as written since.
#include <algorithm>

#include "linux/proc_nodes_internal.h"
#include "vm/address_space.h"
#include "vm/entry.h"
#include "vm/user_access.h"

namespace mokapot::proc_nodes {
namespace {

constexpr std::uint64_t kPresent = std::uint64_t{1} << 63, kOfFile = std::uint64_t{1} << 61,
                        kMappedOnce = std::uint64_t{1} << 56, kSoftDirty = std::uint64_t{1} << 55;
constexpr std::uint64_t kPages = kApplicationEnd / kPageSize + 1;

}  // namespace

Result<std::size_t> read_pagemap(IoBuffer& into, std::uint64_t offset, PseudoContext) {
  constexpr std::size_t kWord = sizeof(std::uint64_t), kBatch = 64;
  if (offset % kWord != 0 || into.remaining() % kWord != 0) return Errno::kEINVAL;
  std::size_t moved = 0;
  while (into.remaining() > 0 && offset / kWord < kPages) {
    std::uint64_t words[kBatch];
    AddressSpace::PageInformation pages[kBatch];
    const std::uint64_t first = offset / kWord;
    const std::size_t count = std::min({kBatch, into.remaining() / kWord, static_cast<std::size_t>(kPages - first)});
    address_space().describe_pages(VirtAddr(first * kPageSize), {pages, count});
    for (std::size_t i = 0; i < count; ++i) {
      words[i] = pages[i].mapped ? kSoftDirty : 0;
      if (!pages[i].present) continue;
      words[i] |= kPresent | pages[i].frame_number | (pages[i].owned ? kMappedOnce : kOfFile);
    }
    auto done = into.copy_in(words, count * kWord);
    if (!done.ok()) {
      if (moved != 0) return moved;
      return done.error();
    }
    moved += done.value();
    offset += done.value();
    if (done.value() < count * kWord) break;
  }
  return moved;
}

}  // namespace mokapot::proc_nodes
