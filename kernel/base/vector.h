// SPDX-License-Identifier: Apache-2.0
//
// A growable array whose growth can fail as a value. Not thread safe.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include "base/result.h"

namespace mokapot {

template <typename T>
class Vector {
 public:
  Vector() = default;
  Vector(Vector&& other) noexcept { swap(other); }
  Vector& operator=(Vector&& other) noexcept { Vector tmp(std::move(other)); swap(tmp); return *this; }
  ~Vector() { clear(); ::operator delete(data_, std::align_val_t(alignof(T))); }

  Result<void> reserve(std::size_t capacity) {
    if (capacity <= capacity_) return {};
    // SAFETY: raw storage aligned for T; elements are moved over one by one below.
    T* grown = static_cast<T*>(::operator new(capacity * sizeof(T), std::align_val_t(alignof(T)), std::nothrow));
    if (grown == nullptr) return Errno::kENOMEM;
    for (std::size_t i = 0; i < size_; ++i) {
      new (&grown[i]) T(std::move(data_[i]));
      data_[i].~T();
    }
    ::operator delete(data_, std::align_val_t(alignof(T)));
    data_ = grown;
    capacity_ = capacity;
    return {};
  }
  Result<void> push_back(T value) {
    if (size_ == capacity_) TRY(reserve(capacity_ == 0 ? 8 : capacity_ * 2));
    new (&data_[size_++]) T(std::move(value));
    return {};
  }
  Result<void> resize(std::size_t size) {
    TRY(reserve(size));
    while (size_ < size) new (&data_[size_++]) T();
    while (size_ > size) data_[--size_].~T();
    return {};
  }
  void pop_back() { ASSERT(size_ > 0); data_[--size_].~T(); }
  void clear() { while (size_ > 0) data_[--size_].~T(); }
  void swap(Vector& other) noexcept {
    std::swap(data_, other.data_); std::swap(size_, other.size_); std::swap(capacity_, other.capacity_);
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { DASSERT(i < size_); return data_[i]; }
  const T& operator[](std::size_t i) const { DASSERT(i < size_); return data_[i]; }
  T& back() { return (*this)[size_ - 1]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::span<T> span() { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace mokapot
