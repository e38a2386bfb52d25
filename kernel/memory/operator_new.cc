// SPDX-License-Identifier: Apache-2.0
//
// The language's allocation operators on the kernel heap. The nothrow forms answer nullptr; the plain
// forms have no way to fail without exceptions, so they panic: they are for boot and for what the kernel
// cannot go on without. Any context that the heap permits.
#include <new>

#include "base/assert.h"
#include "memory/heap.h"

namespace {

constexpr std::size_t kDefaultAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

void* allocate_or_panic(std::size_t size, std::size_t alignment) {
  void* memory = mokapot::heap_allocate(size, alignment);
  if (memory == nullptr) mokapot::panic("out of memory: %zu bytes for the kernel", size);
  return memory;
}

}  // namespace

namespace std {
const nothrow_t nothrow{};
}  // namespace std

void* operator new(std::size_t size) { return allocate_or_panic(size, kDefaultAlignment); }
void* operator new[](std::size_t size) { return allocate_or_panic(size, kDefaultAlignment); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_panic(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_or_panic(size, static_cast<std::size_t>(alignment));
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return mokapot::heap_allocate(size, kDefaultAlignment);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return mokapot::heap_allocate(size, kDefaultAlignment);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return mokapot::heap_allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return mokapot::heap_allocate(size, static_cast<std::size_t>(alignment));
}

void operator delete(void* memory) noexcept { mokapot::heap_free(memory); }
void operator delete[](void* memory) noexcept { mokapot::heap_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { mokapot::heap_free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { mokapot::heap_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { mokapot::heap_free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { mokapot::heap_free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  mokapot::heap_free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  mokapot::heap_free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { mokapot::heap_free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { mokapot::heap_free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  mokapot::heap_free(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  mokapot::heap_free(memory);
}
