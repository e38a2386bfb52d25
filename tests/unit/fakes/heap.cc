// SPDX-License-Identifier: Apache-2.0
//
// The kernel heap on the host: the C library's, so that AddressSanitizer sees every allocation, with a
// countdown to failure for tests of out-of-memory paths. operator new stays the sanitizer's own.

#include "memory/heap.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>

#include "fakes/heap.h"

namespace mokapot {
namespace {

std::atomic<std::size_t> bytes_in_use{0};
std::atomic<long> allocations_until_failure{-1};

}  // namespace

void fake::fail_heap_after(long allocations) { allocations_until_failure = allocations; }

void initialise_heap() {}
void set_memory_reclaimer(bool (*)()) {}
bool reclaim_memory_if_allowed() { return false; }

void* heap_allocate(std::size_t size, std::size_t alignment) {
  if (allocations_until_failure >= 0 && allocations_until_failure-- == 0) {
    allocations_until_failure = 0;
    return nullptr;
  }
  void* block = nullptr;
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  if (posix_memalign(&block, alignment, size) != 0) return nullptr;
  bytes_in_use += malloc_usable_size(block);
  return block;
}

void heap_free(void* pointer) {
  if (pointer != nullptr) bytes_in_use -= malloc_usable_size(pointer);
  std::free(pointer);
}

std::size_t heap_bytes_in_use() { return bytes_in_use; }

}  // namespace mokapot
