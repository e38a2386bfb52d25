// SPDX-License-Identifier: Apache-2.0
//
// Access to the application's memory from the kernel. Every address from the application is range
// checked first (at CPL 0 a kernel address would simply work), then a fault that cannot be resolved
// becomes kEFAULT. Thread context, no lock held but those that page faults may take inside
// (nothing of rank kAddressSpace or later).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

bool is_application_range(VirtAddr address, std::uint64_t size);

Result<void> copy_from_application(void* to, VirtAddr from, std::size_t size);
Result<void> copy_to_application(VirtAddr to, const void* from, std::size_t size);
Result<void> clear_application(VirtAddr to, std::size_t size);
// Returns the length without NUL; kENAMETOOLONG if there is no NUL within size.
Result<std::size_t> copy_string_from_application(char* to, VirtAddr from, std::size_t size);

template <typename T>
Result<T> read_application(VirtAddr from) {
  T value{};
  TRY(copy_from_application(&value, from, sizeof(T)));
  return value;
}
template <typename T>
Result<void> write_application(VirtAddr to, const T& value) {
  return copy_to_application(to, &value, sizeof(T));
}

// What a read fills and a write drains: segments of application memory (an iovec, range checked when it
// was made) or of kernel memory. Copies advance the position; a fault part way through reports what was
// moved before it, or kEFAULT if nothing was.
struct IoSegment {
  std::byte* base;
  std::size_t size;
};
class IoBuffer {
 public:
  explicit IoBuffer(std::span<const IoSegment> segments);
  IoBuffer(void* kernel_memory, std::size_t size);
  // One range of application memory; kEFAULT if it is outside the application's half.
  static Result<IoBuffer> from_application(VirtAddr address, std::size_t size);

  std::size_t remaining() const { return remaining_; }
  // Moves up to size bytes and returns how many.
  Result<std::size_t> copy_in(const void* from, std::size_t size);   // kernel to buffer
  Result<std::size_t> copy_out(void* to, std::size_t size);          // buffer to kernel
  Result<std::size_t> clear(std::size_t size);                       // zeros to buffer

 private:
  template <typename Move>
  Result<std::size_t> for_each_piece(std::size_t size, Move move);
  IoSegment single_{};
  std::span<const IoSegment> segments_;  // empty: single_
  std::size_t segment_ = 0;
  std::size_t offset_ = 0;
  std::size_t remaining_ = 0;
};

}  // namespace mokapot
