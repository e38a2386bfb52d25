// SPDX-License-Identifier: Apache-2.0
//
// Signal state of a task: blocked mask, pending set, alternate stack. See signals.h for the operations.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/intrusive.h"
#include "base/types.h"

namespace mokapot {

inline constexpr int kSignalCount = 64;
// Bit n - 1 stands for signal n.
using SignalSet = std::uint64_t;
constexpr SignalSet signal_bit(int signal) { return SignalSet{1} << (signal - 1); }

// siginfo_t as the application sees it: 128 bytes.
struct SignalInfo {
  std::int32_t signal = 0;
  std::int32_t error = 0;
  std::int32_t code = 0;
  std::int32_t padding = 0;
  union {
    struct { std::int32_t pid; std::uint32_t uid; std::uint64_t value; } sender;
    struct { std::uint64_t address; std::uint64_t bounds[2]; } fault;
    struct { std::int32_t timer; std::int32_t overrun; std::uint64_t value; } timer;
    std::uint8_t bytes[112];
  };
  SignalInfo() : bytes{} {}
};
static_assert(sizeof(SignalInfo) == 128);

struct PendingSignal {
  SignalInfo info;
  ListHook queue_hook;  // SignalQueue::entries
};

// Written under the signal lock; the set may be read without it.
struct SignalQueue {
  std::atomic<SignalSet> set{0};
  IntrusiveList<PendingSignal, &PendingSignal::queue_hook> entries;
};

struct SignalState {
  std::atomic<SignalSet> blocked{0};   // written by the owner only
  SignalQueue queue;                   // sent to this very task
  SignalSet saved_mask = 0;            // rt_sigsuspend, ppoll: restored after the handler's frame is made
  bool restore_saved_mask = false;
  VirtAddr alternate_stack;
  std::uint64_t alternate_stack_size = 0;
  std::uint32_t alternate_stack_flags = 2;  // SS_DISABLE
};

}  // namespace mokapot
