// SPDX-License-Identifier: Apache-2.0
//
// Errors as values for the launcher. An Error's message is one line for the user that says what is
// wrong and what to do about it; whoever prints it adds "moka: " in front and nothing behind.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace moka {

struct Error {
  std::string message;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  const T& value() const& { return std::get<0>(state_); }
  T& value() & { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}

  explicit operator bool() const { return !failed_; }
  void value() const {}
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace moka

// The value of a Result, or an early return of its error from the enclosing function.
#define MOKA_TRY(expression)                                         \
  __extension__({                                                    \
    auto moka_try_result = (expression);                             \
    if (!moka_try_result) return std::move(moka_try_result).error(); \
    std::move(moka_try_result).value();                              \
  })
