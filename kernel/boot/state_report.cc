// SPDX-License-Identifier: Apache-2.0
#include "boot/state_report.h"

#include <atomic>

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/traps.h"
#include "base/format.h"
#include "contract/vm_contract.h"
#include "drivers/drivers.h"
#include "linux/thread_report.h"

namespace mokapot {
namespace {

// The CPUs speak one after the other; one that never comes to its end is not waited for longer.
constexpr unsigned kPatience = 1u << 20;
constinit std::atomic<unsigned> tickets{0}, turn{0};

// To answer each of a storm of NMIs would be all that a CPU does. In ticks of the cycle counter, since the clock may just
// be being set; some seconds.
constexpr std::uint64_t kLeastDistance = std::uint64_t{1} << 34;
constinit std::uint64_t last_report[kMaxCpus];  // each its CPU's

void print(const char* line) { serial_log_sink(line); }

}  // namespace

void report_state(const arch::TrapFrame& frame) {
  const CpuId cpu = arch::current_cpu();
  std::uint64_t& last = last_report[cpu.index()];
  const std::uint64_t cycles = arch::cycle_counter();
  if (last != 0 && cycles - last < kLeastDistance) return;
  last = cycles;
  const unsigned ticket = tickets.fetch_add(1, std::memory_order_relaxed);
  for (unsigned i = 0; i < kPatience && turn.load(std::memory_order_acquire) != ticket; ++i) arch::relax();
  TextBuffer<80> line;
  line.append("%scpu %u, in %s", contract::kStatePrefix, cpu.index(),
              frame.from_application() ? "the application" : "the kernel");
  print(line.c_str());
  arch::print_registers(frame, print);
  if (!frame.from_application())
    arch::print_backtrace({frame.instruction_pointer(), frame.frame_pointer()}, arch::current_kernel_stack(), print);
  if (cpu == CpuId(0)) report_stopped_threads(WithStacks::kYes, serial_log_sink);
  turn.store(ticket + 1, std::memory_order_release);
}

}  // namespace mokapot
