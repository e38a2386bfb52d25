// SPDX-License-Identifier: Apache-2.0
//
// A window of device registers in memory. Reads and writes are single accesses of the stated width,
// in program order among themselves. Any context; mapping: thread context, boot.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/assert.h"
#include "base/result.h"
#include "base/types.h"

namespace mokapot {

class Mmio {
 public:
  constexpr Mmio() = default;
  // SAFETY: the caller vouches that [base, base + size) are registers, or memory that stands for
  // them.
  Mmio(void* base, std::uint64_t size) : base_(static_cast<std::uint8_t*>(base)), size_(size) {}
  // Maps registers that need not be page aligned. kENOMEM.
  static Result<Mmio> map(PhysAddr address, std::uint64_t size);

  bool valid() const { return base_ != nullptr; }
  std::uint64_t size() const { return size_; }
  Mmio part(std::uint64_t offset, std::uint64_t size) const {
    ASSERT(offset <= size_ && size <= size_ - offset);
    return Mmio(base_ + offset, size);
  }

  std::uint8_t read8(std::uint64_t offset) const { return read<std::uint8_t>(offset); }
  std::uint16_t read16(std::uint64_t offset) const { return read<std::uint16_t>(offset); }
  std::uint32_t read32(std::uint64_t offset) const { return read<std::uint32_t>(offset); }
  std::uint64_t read64(std::uint64_t offset) const { return read<std::uint64_t>(offset); }
  void write8(std::uint64_t offset, std::uint8_t value) const { write(offset, value); }
  void write16(std::uint64_t offset, std::uint16_t value) const { write(offset, value); }
  void write32(std::uint64_t offset, std::uint32_t value) const { write(offset, value); }
  void write64(std::uint64_t offset, std::uint64_t value) const { write(offset, value); }

 private:
  // SAFETY: volatile makes the access happen, once and whole. The compiler fence keeps ordinary
  // memory that the device shares on its side; the processor keeps uncached accesses in order with
  // earlier stores.
  template <typename T>
  T read(std::uint64_t offset) const {
    DASSERT(offset + sizeof(T) <= size_);
    const T value = *reinterpret_cast<volatile const T*>(base_ + offset);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return value;
  }
  template <typename T>
  void write(std::uint64_t offset, T value) const {
    DASSERT(offset + sizeof(T) <= size_);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    *reinterpret_cast<volatile T*>(base_ + offset) = value;
  }

  std::uint8_t* base_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace mokapot
