// SPDX-License-Identifier: Apache-2.0
//
// Errors as values. A fallible function returns Result<T>; TRY(expression) yields its value or
// returns its error to the caller. Ignoring a Result does not compile.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/errno.h"

namespace mokapot {

// What a Result holds. A plain word stands beside an error of a word's size, so that both are returned in registers:
// every system call's way back passes here.
template <typename T>
inline constexpr bool kIsPlainWord = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> &&
                                     std::is_default_constructible_v<T> && sizeof(T) <= sizeof(std::int64_t);

template <typename T, bool = kIsPlainWord<T>>
class ResultStorage {
 protected:
  explicit ResultStorage(Errno error) : error_(static_cast<std::int64_t>(error)) {}
  template <typename... Args>
  explicit ResultStorage(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}

  T value_{};
  std::int64_t error_ = 0;  // none: there is a value
};

template <typename T>
class ResultStorage<T, false> {
 protected:
  explicit ResultStorage(Errno error) : nothing_(), error_(static_cast<std::int64_t>(error)) {}
  template <typename... Args>
  explicit ResultStorage(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}
  ResultStorage(ResultStorage&& other) : nothing_(), error_(other.error_) {
    if (error_ == 0) new (&value_) T(std::move(other.value_));
  }
  ResultStorage& operator=(ResultStorage&& other) {
    if (this != &other) {
      this->~ResultStorage();
      new (this) ResultStorage(std::move(other));
    }
    return *this;
  }
  ~ResultStorage() {
    if (error_ == 0) value_.~T();
  }

  union {
    unsigned char nothing_;
    T value_;
  };
  std::int64_t error_ = 0;  // none: there is a value
};

template <typename T>
class [[nodiscard]] Result : private ResultStorage<T> {
  using Storage = ResultStorage<T>;
  using Storage::error_, Storage::value_;

 public:
  Result(Errno error) : Storage(error) {}
  Result(const T& value) : Storage(std::in_place, value) {}
  Result(T&& value) : Storage(std::in_place, std::move(value)) {}
  template <typename U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Errno>)
  Result(U&& value) : Storage(std::in_place, std::forward<U>(value)) {}
  Result(Result&&) = default;
  Result& operator=(Result&&) = default;

  bool ok() const { return error_ == 0; }
  explicit operator bool() const { return ok(); }
  Errno error() const { return static_cast<Errno>(error_); }  // meaningful only where !ok()
  T& value() { ASSERT(ok()); return value_; }
  const T& value() const { ASSERT(ok()); return value_; }
  T take() { return std::move(value()); }
  T value_or(T other) { return ok() ? take() : std::move(other); }
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Errno error) : error_(error), ok_(false) {}
  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  Errno error() const { return error_; }
  void take() const {}

 private:
  Errno error_{};
  bool ok_ = true;
};

}  // namespace mokapot

// A GNU statement expression, so that the value can be used in place; its local has a name of its own, so
// that one TRY may stand inside another.
#define TRY(expression) MOKAPOT_TRY_NAMED(expression, __COUNTER__)
#define MOKAPOT_TRY_NAMED(expression, number) MOKAPOT_TRY(expression, MOKAPOT_TRY_JOIN(try_result_, number))
#define MOKAPOT_TRY_JOIN(a, b) MOKAPOT_TRY_JOIN2(a, b)
#define MOKAPOT_TRY_JOIN2(a, b) a##b
#define MOKAPOT_TRY(expression, local)    \
  ({                                      \
    auto local = (expression);            \
    if (!local.ok()) return local.error(); \
    local.take();                         \
  })
