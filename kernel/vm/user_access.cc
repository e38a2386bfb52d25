// SPDX-License-Identifier: Apache-2.0
//
// See user_access.h.
#include "vm/user_access.h"

#include <algorithm>

#include "arch/memory_copy.h"
#include "sync/context.h"
#include "vm/protection.h"

namespace mokapot {

bool is_application_range(VirtAddr address, std::uint64_t size) {
  return address.value() <= kApplicationEnd && size <= kApplicationEnd - address.value();
}

Result<void> copy_from_application(void* to, VirtAddr from, std::size_t size) {
  if (!is_application_range(from, size)) return Errno::kEFAULT;
  // SAFETY: an application address, checked; a fault ends the copy early.
  if (arch::copy_or_fault(to, from.as<const void>(), size) != 0) return Errno::kEFAULT;
  return {};
}

Result<void> copy_to_application(VirtAddr to, const void* from, std::size_t size) {
  if (!is_application_range(to, size)) return Errno::kEFAULT;
  if (arch::copy_or_fault(to.as<void>(), from, size) != 0) return Errno::kEFAULT;
  return {};
}

Result<void> clear_application(VirtAddr to, std::size_t size) {
  if (!is_application_range(to, size)) return Errno::kEFAULT;
  if (arch::clear_or_fault(to.as<void>(), size) != 0) return Errno::kEFAULT;
  return {};
}

Result<std::size_t> copy_string_from_application(char* to, VirtAddr from, std::size_t size) {
  if (!is_application_range(from, 1)) return Errno::kEFAULT;
  const std::size_t reach = std::min<std::uint64_t>(size, kApplicationEnd - from.value());
  const std::int64_t length = arch::copy_string_or_fault(to, from.as<const char>(), reach);
  if (length < 0) return Errno::kEFAULT;
  if (static_cast<std::size_t>(length) < reach) return static_cast<std::size_t>(length);
  // No NUL: too long, unless it was the end of the application's half that came first.
  return reach < size ? Errno::kEFAULT : Errno::kENAMETOOLONG;
}

IoBuffer::IoBuffer(std::span<const IoSegment> segments) : segments_(segments) {
  for (const IoSegment& segment : segments) remaining_ += segment.size;
}

IoBuffer::IoBuffer(void* kernel_memory, std::size_t size)
    : single_{static_cast<std::byte*>(kernel_memory), size}, remaining_(size) {}

Result<IoBuffer> IoBuffer::from_application(VirtAddr address, std::size_t size) {
  if (!is_application_range(address, size)) return Errno::kEFAULT;
  return IoBuffer(address.as<void>(), size);
}

// move(address, done, size) moves a contiguous piece and returns the bytes that it could not move.
template <typename Move>
Result<std::size_t> IoBuffer::for_each_piece(std::size_t size, Move move) {
  std::size_t wanted = std::min(size, remaining_);
  std::size_t done = 0;
  while (wanted > 0) {
    const IoSegment& segment = segments_.empty() ? single_ : segments_[segment_];
    const std::size_t piece = std::min(wanted, segment.size - offset_);
    if (piece == 0) {
      ++segment_;
      offset_ = 0;
      continue;
    }
    const std::size_t left = move(segment.base + offset_, done, piece);
    const std::size_t moved = piece - left;
    offset_ += moved;
    remaining_ -= moved;
    done += moved;
    wanted -= moved;
    if (left != 0) {
      if (done == 0) return Errno::kEFAULT;
      break;
    }
  }
  return done;
}

Result<std::size_t> IoBuffer::copy_in(const void* from, std::size_t size) {
  return for_each_piece(size, [&](std::byte* to, std::size_t done, std::size_t piece) {
    return arch::copy_or_fault(to, static_cast<const std::byte*>(from) + done, piece);
  });
}

Result<std::size_t> IoBuffer::copy_out(void* to, std::size_t size) {
  return for_each_piece(size, [&](std::byte* from, std::size_t done, std::size_t piece) {
    return arch::copy_or_fault(static_cast<std::byte*>(to) + done, from, piece);
  });
}

Result<std::size_t> IoBuffer::clear(std::size_t size) {
  return for_each_piece(size, [&](std::byte* to, std::size_t, std::size_t piece) {
    return arch::clear_or_fault(to, piece);
  });
}

}  // namespace mokapot
