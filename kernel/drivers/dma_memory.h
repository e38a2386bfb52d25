// SPDX-License-Identifier: Apache-2.0
//
// Memory that the driver and its device share: whole frames, contiguous, zeroed. The owner frees it
// only after the device has been reset.
#pragma once

#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "base/types.h"
#include "memory/frames.h"

namespace mokapot {

class DmaMemory {
 public:
  DmaMemory() = default;
  DmaMemory(DmaMemory&& other) noexcept { swap(other); }
  DmaMemory& operator=(DmaMemory&& other) noexcept {
    DmaMemory taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~DmaMemory() {
    if (size_ != 0) free_frames(address_, order_);
  }

  // At least size bytes, at most a block of frames of the largest order. kENOMEM.
  static Result<DmaMemory> allocate(std::uint64_t size) {
    DmaMemory memory;
    while (memory.order_ < kMaxFrameOrder && (kPageSize << memory.order_) < size) ++memory.order_;
    if ((kPageSize << memory.order_) < size) return Errno::kENOMEM;
    memory.address_ =
        TRY(allocate_frames(memory.order_, FrameUse::kDevice, FrameContents::kZeroed));
    memory.size_ = kPageSize << memory.order_;
    return memory;
  }

  std::uint64_t size() const { return size_; }
  PhysAddr address(std::uint64_t offset = 0) const { return address_ + offset; }
  // SAFETY: the frames are ours and in the direct map; the caller vouches for the type at offset.
  template <typename T>
  T* at(std::uint64_t offset = 0) const {
    ASSERT(offset <= size_ && sizeof(T) <= size_ - offset);
    return reinterpret_cast<T*>(static_cast<std::uint8_t*>(direct_map(address_)) + offset);
  }

 private:
  void swap(DmaMemory& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    std::swap(order_, other.order_);
  }

  PhysAddr address_;
  std::uint64_t size_ = 0;
  unsigned order_ = 0;
};

}  // namespace mokapot
