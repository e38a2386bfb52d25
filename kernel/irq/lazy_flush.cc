// SPDX-License-Identifier: Apache-2.0
//
// See lazy_flush.h.

#include "irq/lazy_flush.h"

#include <atomic>
#include <bit>

#include "arch/paging.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

enum class FlushState : std::uint32_t { kAtOnce, kLazy, kOwed };

struct CpuFlushState {
  std::atomic<FlushState> state{FlushState::kAtOnce};
};
constinit PerCpu<CpuFlushState> flush_states;

}  // namespace

void begin_lazy_flush() { flush_states.mine().state.store(FlushState::kLazy, std::memory_order_seq_cst); }

void end_lazy_flush() {
  if (flush_states.mine().state.exchange(FlushState::kAtOnce, std::memory_order_seq_cst) == FlushState::kOwed) {
    arch::flush_tlb();
  }
}

CpuMask leave_flush_to_idle_cpus(CpuMask mask) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  CpuMask at_once = mask;
  for (CpuMask left = mask; left != 0; left &= left - 1) {
    const CpuId cpu(static_cast<std::uint32_t>(std::countr_zero(left)));
    std::atomic<FlushState>& state = flush_states.of(cpu).state;
    FlushState expected = FlushState::kLazy;
    // Also where it owes one already: it has not run a thread since.
    if (state.compare_exchange_strong(expected, FlushState::kOwed, std::memory_order_seq_cst) ||
        expected == FlushState::kOwed) {
      at_once &= ~cpu_bit(cpu);
    }
  }
  return at_once;
}

}  // namespace mokapot
