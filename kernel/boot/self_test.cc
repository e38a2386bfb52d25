// SPDX-License-Identifier: Apache-2.0
#include "boot/self_test.h"

#include <climits>

#include "arch/cpu.h"
#include "boot/kernel_map.h"
#include "memory/frames.h"
#include "memory/heap.h"
#include "sync/spinlock.h"
#include "trace/log.h"

namespace mokapot {

#ifdef MOKAPOT_DEBUG
namespace {

// SAFETY (all of this file): the faults are the point. `volatile` and noinline keep the compiler from seeing them.
volatile std::size_t beyond = 1;
void* volatile kept;

[[gnu::noinline]] void overrun_stack() {
  char bytes[32];
  kept = bytes;
  for (std::size_t i = 0; i < sizeof(bytes) + 16 * beyond; ++i) static_cast<volatile char*>(kept)[i] = 1;
}

[[gnu::noinline]] int exhaust_stack(int depth) {
  volatile char bytes[512];
  bytes[0] = static_cast<char>(depth);
  return beyond == 0 ? 0 : exhaust_stack(depth + 1) + bytes[0];
}

void overrun_heap() {
  auto* bytes = static_cast<volatile char*>(heap_allocate(40));
  bytes[39 + beyond] = 1;
  heap_free(const_cast<char*>(bytes));
}

void write_after_free() {
  auto* words = static_cast<volatile std::uint64_t*>(heap_allocate(64));
  heap_free(const_cast<std::uint64_t*>(words));
  words[3 * beyond] = 1;
  kept = heap_allocate(64);
}

void free_twice() {
  void* object = heap_allocate(64);
  heap_free(object);
  kept = object;
  heap_free(kept);
}

void write_freed_frame() {
  const PhysAddr frame = allocate_frame(FrameUse::kHeap, FrameContents::kUninitialised).value();
  free_frame(frame);
  static_cast<volatile std::uint64_t*>(direct_map(frame))[5 * beyond] = 1;
  kept = direct_map(allocate_frame(FrameUse::kHeap, FrameContents::kUninitialised).value());
}

extern "C" char text_start[], image_start[];

void write_text() { *static_cast<volatile char*>(text_start) = 0; }

void write_text_alias() {
  const PhysAddr text = kernel_image_range().begin + static_cast<std::uint64_t>(text_start - image_start);
  *static_cast<volatile char*>(direct_map(text)) = 0;
}

void execute_data() {
  static constinit volatile unsigned char code[16] = {0xc3};  // RET
  reinterpret_cast<void (*)()>(const_cast<unsigned char*>(code))();
}

[[gnu::noinline]] void overflow() {
  volatile int number = INT_MAX;
  number = number + static_cast<int>(beyond);
}

[[gnu::noinline]] void index_too_far() {
  static volatile int numbers[4] = {};
  kept = const_cast<int*>(&numbers[3 + beyond]);
  numbers[3 + beyond] = 1;
}

void lock_out_of_order() {
  static constinit SpinLock low{LockRank::kHeap}, high{LockRank::kTrace};
  SpinGuard second(high);
  SpinGuard first(low);
}

// The other CPUs have nothing to run; this one will not answer.
void hang() {
  arch::interrupts_disable();
  while (beyond != 0) arch::relax();
}

struct Fault {
  const char* name;
  void (*commit)();
};
constexpr Fault kFaults[] = {
    {"stack-overrun", overrun_stack}, {"stack-overflow", [] { exhaust_stack(0); }},
    {"heap-overrun", overrun_heap},   {"heap-after-free", write_after_free},
    {"double-free", free_twice},      {"frame-after-free", write_freed_frame},
    {"write-text", write_text},       {"write-text-alias", write_text_alias},
    {"execute-data", execute_data},   {"sum-overflow", overflow},
    {"index", index_too_far},         {"lock-order", lock_out_of_order},
    {"hang", hang},
};

}  // namespace

void commit_fault(std::string_view name) {
  for (const Fault& fault : kFaults) {
    if (name != fault.name) continue;
    LOG_INFO("self-test: committing %s", fault.name);
    fault.commit();
    LOG_ERROR("self-test: %s was not seen", fault.name);
    return;
  }
  LOG_ERROR("self-test: there is no fault \"%.*s\"", static_cast<int>(name.size()), name.data());
}

#else

void commit_fault(std::string_view name) {
  if (!name.empty()) LOG_WARNING("self-test: \"%.*s\" needs a checking kernel", static_cast<int>(name.size()), name.data());
}

#endif

}  // namespace mokapot
