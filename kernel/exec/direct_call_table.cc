// SPDX-License-Identifier: Apache-2.0
#include "exec/direct_call_table.h"

#include <algorithm>
#include <cstring>

#include "arch/direct_call.h"

namespace mokapot {

using contract::DirectCallsHeader;
using contract::DirectCallSite;
using contract::DirectCallStep;

namespace {

constexpr std::uint8_t kSyscall[arch::kSyscallSize] = {0x0f, 0x05};
static_assert(contract::kDirectCallJumpSize == arch::kJumpSize);

std::uint64_t trampoline_size(const DirectCallSite& site) {
  return align_up(site.copy_size + arch::kDirectCallEndSize, arch::kDirectCallAlignment);
}

}  // namespace

// SAFETY (the three below): is_sound() has checked that the table holds as many as the header says; the parts before
// the bytes are multiples of eight bytes long, and begin at one.
const DirectCallSite* DirectCallTable::sites() const {
  return reinterpret_cast<const DirectCallSite*>(words_.data() + sizeof(DirectCallsHeader) / sizeof(std::uint64_t));
}
const DirectCallStep* DirectCallTable::steps_of(const DirectCallSite& site) const {
  return reinterpret_cast<const DirectCallStep*>(sites() + header_.sites) + site.first_step;
}
const std::uint8_t* DirectCallTable::bytes_at(std::uint32_t index) const {
  return reinterpret_cast<const std::uint8_t*>(reinterpret_cast<const DirectCallStep*>(sites() + header_.sites) +
                                               header_.steps) + index;
}

Result<DirectCallTable> DirectCallTable::create(Vector<std::uint64_t> words, std::size_t size) {
  DirectCallTable table;
  if (size < sizeof(table.header_) || size > contract::kDirectCallsMostBytes || size > words.size() * sizeof(std::uint64_t)) return Errno::kEINVAL;
  table.words_ = std::move(words);
  table.size_ = size;
  std::memcpy(&table.header_, table.words_.data(), sizeof(table.header_));
  if (!table.is_sound()) return Errno::kEINVAL;
  TRY(table.code_places_.reserve(table.header_.sites));
  for (const DirectCallSite& site : std::span(table.sites(), table.header_.sites)) {
    TRY(table.code_places_.push_back(static_cast<std::uint32_t>(table.code_size_)));
    table.code_size_ += trampoline_size(site);
  }
  return table;
}

bool DirectCallTable::is_sound() const {
  const std::uint64_t size = sizeof(DirectCallsHeader) + std::uint64_t{header_.sites} * sizeof(DirectCallSite) +
                             std::uint64_t{header_.steps} * sizeof(DirectCallStep) + header_.bytes;
  if (header_.magic != contract::kDirectCallsMagic || size != size_ || header_.sites == 0) return false;
  if (!is_aligned(header_.segment_offset, kPageSize) || !is_aligned(header_.segment_address, kPageSize)) return false;
  if (header_.segment_size > UINT32_MAX) return false;
  std::uint64_t place = 0;
  for (const DirectCallSite& site : std::span(sites(), header_.sites)) {
    if (!is_sound(site, place)) return false;
    place = site.place + std::uint64_t{site.original_size};
  }
  return true;
}

bool DirectCallTable::is_sound(const DirectCallSite& site, std::uint64_t least_place) const {
  if (site.place < least_place || site.place + std::uint64_t{site.original_size} > header_.segment_size) return false;
  if (site.original_size == 0 || site.place / kPageSize != (site.place + site.original_size - 1) / kPageSize) return false;
  if (site.steps == 0 || site.steps > contract::kDirectCallMostSteps || site.status_flags_unused > 1) return false;
  if (site.first_step > header_.steps || site.steps > header_.steps - site.first_step) return false;
  if (site.original_at > header_.bytes || site.original_size > header_.bytes - site.original_at) return false;
  if (site.copy_at > header_.bytes || site.copy_size > header_.bytes - site.copy_at) return false;
  std::size_t original = 0, copy = 0;
  for (const DirectCallStep& step : std::span(steps_of(site), site.steps)) {
    if (step.original_size == 0 || step.copy_size == 0) return false;
    if (step.fixup != contract::kDirectCallNoFixup && step.fixup + 4 > step.copy_size) return false;
    original += step.original_size;
    copy += step.copy_size;
  }
  if (steps_of(site)->original_size < arch::kJumpSize) return false;
  if (original + sizeof(kSyscall) != site.original_size || copy != site.copy_size) return false;
  return std::memcmp(bytes_at(site.original_at) + original, kSyscall, sizeof(kSyscall)) == 0;
}

Result<void> DirectCallTable::write_trampoline(std::uint8_t* to, VirtAddr code, VirtAddr text,
                                               const DirectCallSite& site) const {
  std::memcpy(to, bytes_at(site.copy_at), site.copy_size);
  std::size_t end = 0;
  for (const DirectCallStep& step : std::span(steps_of(site), site.steps)) {
    const std::size_t begin = end;
    end += step.copy_size;
    if (step.fixup == contract::kDirectCallNoFixup) continue;
    const VirtAddr target = text + (step.target - header_.segment_address);
    std::int32_t distance = 0;
    if (!arch::relative_distance(code + end, target, distance)) return Errno::kERANGE;
    std::memcpy(to + begin + step.fixup, &distance, sizeof(distance));
  }
  const VirtAddr goes_on = text + site.place + site.original_size;
  const auto flags = site.status_flags_unused != 0 ? arch::StatusFlags::kUnused : arch::StatusFlags::kKept;
  if (!arch::write_direct_call_end(to + end, code + end, goes_on, flags)) return Errno::kERANGE;
  return {};
}

Result<void> DirectCallTable::write_code(std::span<std::byte> to, VirtAddr code, VirtAddr text) const {
  ASSERT(to.size() == code_size_);
  std::memset(to.data(), 0xcc, to.size());  // what lies between trampolines traps
  for (std::size_t i = 0; i < header_.sites; ++i) {
    // SAFETY: bytes as bytes.
    auto* place = reinterpret_cast<std::uint8_t*>(to.data()) + code_places_[i];
    TRY(write_trampoline(place, code + code_places_[i], text, sites()[i]));
    // Both ways: the jump is as far as the way back from the trampoline's beginning.
    std::uint8_t jump[arch::kJumpSize];
    if (!arch::write_jump(jump, text + sites()[i].place, code + code_places_[i])) return Errno::kERANGE;
  }
  return {};
}

std::size_t DirectCallTable::first_site_from(std::uint64_t place) const {
  const DirectCallSite* end = sites() + header_.sites;
  return static_cast<std::size_t>(
      std::lower_bound(sites(), end, place, [](const DirectCallSite& site, std::uint64_t at) { return site.place < at; }) -
      sites());
}

bool DirectCallTable::has_sites_in(std::uint64_t page) const {
  const std::size_t index = first_site_from(page);
  return index < header_.sites && sites()[index].place < page + kPageSize;
}

void DirectCallTable::put_jumps(std::uint64_t page, std::byte* contents, VirtAddr code, VirtAddr text) const {
  for (std::size_t i = first_site_from(page); i < header_.sites && sites()[i].place < page + kPageSize; ++i) {
    const DirectCallSite& site = sites()[i];
    // SAFETY: bytes as bytes.
    auto* at = reinterpret_cast<std::uint8_t*>(contents) + (site.place - page);
    if (std::memcmp(at, bytes_at(site.original_at), site.original_size) == 0)
      (void)arch::write_jump(at, text + site.place, code + code_places_[i]);  // write_code saw that it can
  }
}

void DirectCallTable::take_jumps(std::uint64_t page, std::byte* contents, VirtAddr code, VirtAddr text) const {
  for (std::size_t i = first_site_from(page); i < header_.sites && sites()[i].place < page + kPageSize; ++i) {
    const DirectCallSite& site = sites()[i];
    std::uint8_t jump[arch::kJumpSize];
    (void)arch::write_jump(jump, text + site.place, code + code_places_[i]);
    std::byte* at = contents + (site.place - page);
    if (std::memcmp(at, jump, sizeof(jump)) == 0) std::memcpy(at, bytes_at(site.original_at), sizeof(jump));
  }
}

bool DirectCallTable::begins_trampoline(std::uint64_t code_place) const {
  return std::binary_search(code_places_.begin(), code_places_.end(), code_place);
}

std::uint64_t DirectCallTable::original_place(std::uint64_t code_place) const {
  const auto after = std::upper_bound(code_places_.begin(), code_places_.end(), code_place);
  ASSERT(after != code_places_.begin());
  const auto index = static_cast<std::size_t>(after - code_places_.begin()) - 1;
  const DirectCallSite& site = sites()[index];
  const std::uint64_t inside = code_place - code_places_[index];
  std::uint64_t original = site.place, copy = 0;
  for (const DirectCallStep& step : std::span(steps_of(site), site.steps)) {
    if (inside < copy + step.copy_size) return original;
    copy += step.copy_size;
    original += step.original_size;
  }
  return original;  // all are done: the SYSCALL is next
}

}  // namespace mokapot
