// SPDX-License-Identifier: Apache-2.0
//
// Intrusive reference counting. A RefPtr owns one reference; the object dies with the last.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "base/result.h"

namespace mokapot {

template <typename T>
class RefCounted {
 public:
  // Relaxed: a new reference is made from an existing one, which orders everything before it.
  void add_reference() const { references_.fetch_add(1, std::memory_order_relaxed); }
  // Takes a reference unless the object is already dying; for look-up tables that do not own.
  bool try_add_reference() const {
    std::uint32_t count = references_.load(std::memory_order_relaxed);
    while (count != 0) {
      if (references_.compare_exchange_weak(count, count + 1, std::memory_order_acquire)) return true;
    }
    return false;
  }
  // Acquire-release: the last owner sees all writes of the others before it destroys.
  void drop_reference() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete static_cast<const T*>(this);
  }
  std::uint32_t reference_count() const { return references_.load(std::memory_order_relaxed); }

 protected:
  RefCounted() = default;
  ~RefCounted() = default;

 private:
  mutable std::atomic<std::uint32_t> references_{1};
};

template <typename T>
class RefPtr {
 public:
  constexpr RefPtr() = default;
  constexpr RefPtr(std::nullptr_t) {}
  explicit RefPtr(T* p) : pointer_(p) { if (p) p->add_reference(); }  // shares
  static RefPtr adopt(T* p) { RefPtr r; r.pointer_ = p; return r; }    // takes over one reference
  RefPtr(const RefPtr& other) : RefPtr(other.pointer_) {}
  RefPtr(RefPtr&& other) : pointer_(std::exchange(other.pointer_, nullptr)) {}
  template <typename U>
    requires std::is_convertible_v<U*, T*>
  RefPtr(RefPtr<U> other) : pointer_(other.release()) {}
  RefPtr& operator=(RefPtr other) { std::swap(pointer_, other.pointer_); return *this; }
  ~RefPtr() { if (pointer_) pointer_->drop_reference(); }

  T* get() const { return pointer_; }
  T* operator->() const { return pointer_; }
  T& operator*() const { return *pointer_; }
  explicit operator bool() const { return pointer_ != nullptr; }
  T* release() { return std::exchange(pointer_, nullptr); }
  friend bool operator==(const RefPtr& a, const RefPtr& b) { return a.pointer_ == b.pointer_; }

 private:
  T* pointer_ = nullptr;
};

// Allocation that fails as a value.
template <typename T, typename... Args>
Result<RefPtr<T>> make_ref(Args&&... args) {
  T* p = new (std::nothrow) T(std::forward<Args>(args)...);
  if (p == nullptr) return Errno::kENOMEM;
  return RefPtr<T>::adopt(p);
}
template <typename T, typename... Args>
Result<std::unique_ptr<T>> make_unique_or_error(Args&&... args) {
  T* p = new (std::nothrow) T(std::forward<Args>(args)...);
  if (p == nullptr) return Errno::kENOMEM;
  return std::unique_ptr<T>(p);
}

}  // namespace mokapot
