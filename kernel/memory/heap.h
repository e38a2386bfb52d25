// SPDX-License-Identifier: Apache-2.0
//
// The kernel heap behind operator new: size classes up to 2 KiB out of single frames, larger ones as
// whole blocks of frames (up to 4 MiB). Sized in powers of two and their halves.
//
// Lock: one per size class (rank kHeap) with interrupts off. Contexts: thread, no-preempt, interrupt.
// Fails as nullptr: use new (std::nothrow), make_ref or make_unique_or_error. Where the caller may block, memory that
// can be given back (the page cache's, above this layer) is asked for first.
#pragma once

#include <cstddef>

namespace mokapot {

void initialise_heap();
void* heap_allocate(std::size_t size, std::size_t alignment = 16);  // nullptr when out of memory
void heap_free(void* pointer);                                      // nullptr is fine
std::size_t heap_bytes_in_use();

// What gives memory back: true if it did. Thread context; boot, before other CPUs run.
void set_memory_reclaimer(bool (*reclaim)());
// For memory/'s own allocations when no frame is to be had: whether it is worth another try.
bool reclaim_memory_if_allowed();

}  // namespace mokapot
