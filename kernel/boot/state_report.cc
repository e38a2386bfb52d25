// SPDX-License-Identifier: Apache-2.0
#include "boot/state_report.h"

#include <atomic>

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

void print(const char* line) { serial_log_sink(line); }

}  // namespace

void report_state(const arch::TrapFrame& frame) {
  const unsigned ticket = tickets.fetch_add(1, std::memory_order_relaxed);
  for (unsigned i = 0; i < kPatience && turn.load(std::memory_order_acquire) != ticket; ++i) arch::relax();
  const CpuId cpu = arch::current_cpu();
  TextBuffer<80> line;
  line.append("%scpu %u, in %s", contract::kStatePrefix, cpu.index(),
              frame.from_application() ? "the application" : "the kernel");
  print(line.c_str());
  arch::print_registers(frame, print);
  if (!frame.from_application())
    arch::print_backtrace({frame.instruction_pointer(), frame.frame_pointer()}, print);
  if (cpu == CpuId(0)) report_stopped_threads(WithStacks::kYes, serial_log_sink);
  turn.store(ticket + 1, std::memory_order_release);
}

}  // namespace mokapot
