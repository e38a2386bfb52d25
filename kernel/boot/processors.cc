// SPDX-License-Identifier: Apache-2.0
#include "boot/processors.h"

#include <cstring>

#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/traps.h"
#include "base/annotations.h"
#include "boot/kernel_map.h"
#include "drivers/drivers.h"
#include "irq/irq.h"
#include "memory/frames.h"
#include "sched/thread.h"
#include "time/clock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

// Below 1 MiB, which boot keeps out of the frame allocator.
constexpr PhysAddr kStartPage{0x8000};
constexpr Duration kPatience = Duration::seconds(1);

struct Start {
  CpuId cpu;
  KernelStack stack;
};
constinit Start starts[kMaxCpus];

// On the new CPU, with interrupts off, on the stack that its idle thread keeps.
NO_STACK_PROTECTOR void run_processor(std::uint64_t index) {
  const Start& start = starts[index];
  arch::initialise_cpu({start.cpu, start.stack.bottom, start.stack.top});
  initialise_cpu_local();
  set_cpu_online(start.cpu);
  run_idle_on_this_cpu(start.stack);
}

bool start_one(CpuId cpu) {
  const auto trap_stacks = allocate_frames(2, FrameUse::kKernelStack, FrameContents::kZeroed);
  static_assert(arch::kTrapStackBytes == kPageSize << 2);
  const auto stack = allocate_kernel_stack();
  if (!trap_stacks.ok() || !stack.ok()) return false;
  if (!arch::prepare_cpu(cpu, VirtAddr(direct_map(trap_stacks.value())))) return false;
  starts[cpu.index()] = {cpu, stack.value()};
  arch::prepare_processor_start(direct_map(kStartPage), kStartPage,
                                {kernel_map_root(), stack.value().top, run_processor, cpu.index()});
  start_cpu(cpu, kStartPage);
  const Instant deadline = now() + kPatience;
  while ((online_cpus() & cpu_bit(cpu)) == 0) {
    if (now() > deadline) return false;
    arch::relax();
  }
  return true;
}

}  // namespace

void start_processors(const Platform& platform) {
  for (std::uint32_t index = 1; index < platform.cpus.size(); ++index)
    if (!start_one(CpuId(index))) LOG_WARNING("CPU %u (APIC id %u) did not start", index, platform.cpus[index].apic_id);
}

}  // namespace mokapot
