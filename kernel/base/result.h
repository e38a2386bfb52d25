// SPDX-License-Identifier: Apache-2.0
//
// Errors as values. A fallible function returns Result<T>; TRY(expression) yields its value or
// returns its error to the caller. Ignoring a Result does not compile.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/errno.h"

namespace mokapot {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(Errno error) : error_(error), has_value_(false) {}
  Result(const T& value) : has_value_(true) { new (&storage_) T(value); }
  Result(T&& value) : has_value_(true) { new (&storage_) T(std::move(value)); }
  template <typename U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Errno>)
  Result(U&& value) : has_value_(true) { new (&storage_) T(std::forward<U>(value)); }
  Result(Result&& other) : error_(other.error_), has_value_(other.has_value_) {
    if (has_value_) new (&storage_) T(std::move(other.value()));
  }
  Result& operator=(Result&& other) {
    if (this != &other) {
      this->~Result();
      new (this) Result(std::move(other));
    }
    return *this;
  }
  ~Result() {
    if (has_value_) value().~T();
  }

  bool ok() const { return has_value_; }
  explicit operator bool() const { return has_value_; }
  Errno error() const { return error_; }  // meaningful only where !ok()
  // SAFETY: storage_ holds a T exactly while has_value_ is set.
  T& value() { ASSERT(has_value_); return *std::launder(reinterpret_cast<T*>(&storage_)); }
  const T& value() const { return const_cast<Result*>(this)->value(); }
  T take() { return std::move(value()); }
  T value_or(T other) { return has_value_ ? take() : std::move(other); }

 private:
  alignas(T) unsigned char storage_[sizeof(T)];
  Errno error_{};
  bool has_value_;
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
