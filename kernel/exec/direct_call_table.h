// SPDX-License-Identifier: Apache-2.0
//
// A file's table of direct calls (contract/direct_calls.h), checked, and laid out for one place in memory: the code
// of its trampolines, the jumps to them, and which original instruction each of theirs stands for. Bytes and
// addresses only; no locks, any context but for create().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"
#include "base/vector.h"
#include "contract/direct_calls.h"

namespace mokapot {

class DirectCallTable {
 public:
  // kEINVAL: the first `size` bytes of the words, which come from a file, are no sound table. kENOMEM.
  static Result<DirectCallTable> create(Vector<std::uint64_t> words, std::size_t size);

  const contract::DirectCallsHeader& header() const { return header_; }
  std::size_t code_size() const { return code_size_; }

  // The trampolines as they are to lie at `code`, code_size() bytes, for text that lies at `text`. kERANGE: something
  // that they refer to is more than 2 GiB away.
  Result<void> write_code(std::span<std::byte> to, VirtAddr code, VirtAddr text) const;

  // Of the page at this distance from the text's beginning.
  bool has_sites_in(std::uint64_t page) const;
  // Puts jumps into a page's bytes wherever they are the original ones, or takes them out again.
  void put_jumps(std::uint64_t page, std::byte* contents, VirtAddr code, VirtAddr text) const;
  void take_jumps(std::uint64_t page, std::byte* contents, VirtAddr code, VirtAddr text) const;

  bool begins_trampoline(std::uint64_t code_place) const;
  // The place in the text of the original of the instruction at this place in the code.
  std::uint64_t original_place(std::uint64_t code_place) const;

 private:
  const contract::DirectCallSite* sites() const;
  const contract::DirectCallStep* steps_of(const contract::DirectCallSite& site) const;
  const std::uint8_t* bytes_at(std::uint32_t index) const;
  bool is_sound() const;
  bool is_sound(const contract::DirectCallSite& site, std::uint64_t least_place) const;
  std::size_t first_site_from(std::uint64_t place) const;
  Result<void> write_trampoline(std::uint8_t* to, VirtAddr code, VirtAddr text, const contract::DirectCallSite& site) const;

  Vector<std::uint64_t> words_;  // aligned as the table's parts are
  std::size_t size_ = 0;         // of the table in them, in bytes
  contract::DirectCallsHeader header_{};
  Vector<std::uint32_t> code_places_;  // of each site's trampoline
  std::size_t code_size_ = 0;
};

}  // namespace mokapot
