// SPDX-License-Identifier: Apache-2.0
//
// A global object that is constructed by a named boot step and never destroyed. Globals have no
// dynamic initialisation in this kernel, and Boost.Intrusive's containers are not constexpr.
#pragma once

#include <new>
#include <utility>

#include "base/assert.h"

namespace mokapot {

template <typename T>
class Global {
 public:
  constexpr Global() = default;
  template <typename... Args>
  T& construct(Args&&... args) {
    ASSERT(!constructed_);
    new (&storage_) T(std::forward<Args>(args)...);
    constructed_ = true;
    return get();
  }
  bool constructed() const { return constructed_; }
  // SAFETY: storage_ holds a T from construct() on.
  T& get() { return *std::launder(reinterpret_cast<T*>(&storage_)); }
  T& operator*() { return get(); }
  T* operator->() { return &get(); }

 private:
  alignas(T) unsigned char storage_[sizeof(T)] = {};
  bool constructed_ = false;  // set once, before other CPUs run
};

}  // namespace mokapot
