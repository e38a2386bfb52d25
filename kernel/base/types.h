// SPDX-License-Identifier: Apache-2.0
//
// Strong types for the quantities that kernels mix up: addresses of two kinds, times of two kinds,
// CPU numbers. Raw integers appear only at hardware and ABI edges.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace mokapot {

inline constexpr std::size_t kPageShift = 12;
inline constexpr std::size_t kPageSize = std::size_t{1} << kPageShift;
inline constexpr std::size_t kHugePageShift = 21;
inline constexpr std::size_t kHugePageSize = std::size_t{1} << kHugePageShift;
inline constexpr std::size_t kMaxCpus = 64;

constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
  return value & ~(alignment - 1);
}
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return align_down(value + alignment - 1, alignment);
}
constexpr bool is_aligned(std::uint64_t value, std::uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

// An address of kind Tag: offsets add to it, two of them subtract to a distance.
template <typename Tag>
class Address {
 public:
  constexpr Address() = default;
  constexpr explicit Address(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  constexpr bool is_null() const { return value_ == 0; }
  constexpr Address page_down() const { return Address(align_down(value_, kPageSize)); }
  constexpr Address page_up() const { return Address(align_up(value_, kPageSize)); }
  constexpr bool is_page_aligned() const { return is_aligned(value_, kPageSize); }
  constexpr std::uint64_t page_offset() const { return value_ & (kPageSize - 1); }
  constexpr std::uint64_t page_number() const { return value_ >> kPageShift; }

  friend constexpr auto operator<=>(Address, Address) = default;
  friend constexpr Address operator+(Address a, std::uint64_t n) { return Address(a.value_ + n); }
  friend constexpr Address operator-(Address a, std::uint64_t n) { return Address(a.value_ - n); }
  friend constexpr std::uint64_t operator-(Address a, Address b) { return a.value_ - b.value_; }
  constexpr Address& operator+=(std::uint64_t n) { value_ += n; return *this; }

 private:
  std::uint64_t value_ = 0;
};

using PhysAddr = Address<struct PhysAddrTag>;

class VirtAddr : public Address<struct VirtAddrTag> {
 public:
  using Address::Address;
  constexpr VirtAddr(Address<struct VirtAddrTag> a) : Address(a) {}  // results of + and -
  // SAFETY: turning a pointer into a number is always sound.
  explicit VirtAddr(const void* p) : Address(reinterpret_cast<std::uint64_t>(p)) {}
  // SAFETY: the caller vouches that the address is mapped as a T where it is used.
  template <typename T>
  T* as() const { return reinterpret_cast<T*>(value()); }
};

// A span of time in nanoseconds, and a moment on the monotonic clock (nanoseconds since boot).
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration nanoseconds(std::int64_t n) { return Duration(n); }
  static constexpr Duration microseconds(std::int64_t n) { return Duration(n * 1000); }
  static constexpr Duration milliseconds(std::int64_t n) { return Duration(n * 1000000); }
  static constexpr Duration seconds(std::int64_t n) { return Duration(n * 1000000000); }
  constexpr std::int64_t nanoseconds() const { return ns_; }
  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return Duration(a.ns_ + b.ns_); }
  friend constexpr Duration operator-(Duration a, Duration b) { return Duration(a.ns_ - b.ns_); }

 private:
  constexpr explicit Duration(std::int64_t n) : ns_(n) {}
  std::int64_t ns_ = 0;
};

class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant from_nanoseconds(std::int64_t n) { return Instant(n); }
  static constexpr Instant never() { return Instant(INT64_MAX); }
  constexpr std::int64_t nanoseconds() const { return ns_; }
  constexpr bool is_never() const { return ns_ == INT64_MAX; }
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Duration operator-(Instant a, Instant b) { return Duration::nanoseconds(a.ns_ - b.ns_); }
  // Saturates at never(), so that an absurd time-out is an endless one and not one in the past.
  friend constexpr Instant operator+(Instant a, Duration d) {
    std::int64_t sum = 0;
    return __builtin_add_overflow(a.ns_, d.nanoseconds(), &sum) ? never() : Instant(sum);
  }

 private:
  constexpr explicit Instant(std::int64_t n) : ns_(n) {}
  std::int64_t ns_ = 0;
};

class CpuId {
 public:
  constexpr CpuId() = default;
  constexpr explicit CpuId(std::uint32_t index) : index_(index) {}
  constexpr std::uint32_t index() const { return index_; }  // dense, 0 is the boot CPU
  friend constexpr auto operator<=>(CpuId, CpuId) = default;

 private:
  std::uint32_t index_ = 0;
};

// A set of CPUs; kMaxCpus fits one word.
using CpuMask = std::uint64_t;
constexpr CpuMask cpu_bit(CpuId cpu) { return CpuMask{1} << cpu.index(); }

}  // namespace mokapot
