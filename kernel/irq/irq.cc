// SPDX-License-Identifier: Apache-2.0
//
// The vector table, the registered controllers and the set of CPUs that are up.
//
// Lock: table_lock (rank kIrq) for registration; dispatch reads the table without it. A handler is
// published after its context and never withdrawn.

#include "irq/irq.h"

#include <atomic>

#include "sync/spinlock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

struct VectorEntry {
  std::atomic<InterruptHandler> handler{nullptr};
  std::atomic<const char*> name{""};
  void* context = nullptr;  // written before handler is published, const afterwards
};

constinit VectorEntry vectors[256];

// Written by their own CPU with interrupts off; read by anybody.
struct Counts {
  std::atomic<std::uint32_t> taken[256 - kFirstDeviceVector]{};
};
constinit PerCpu<Counts> counts;
constinit SpinLock table_lock{LockRank::kIrq};
constinit unsigned next_device_vector GUARDED_BY(table_lock) = kFirstDeviceVector;

// Set by boot before the first interrupt can arrive.
constinit CpuInterruptController* cpu_controller = nullptr;
constinit LineController* wired_controller = nullptr;

// Boot's CPU is up from the start.
constinit std::atomic<CpuMask> online{1};

}  // namespace

Result<InterruptVector> allocate_vector(InterruptHandler handler, void* context, const char* name) {
  InterruptVector vector = 0;
  {
    IrqSpinGuard guard(table_lock);
    if (next_device_vector > kLastDeviceVector) return Errno::kENOSPC;
    vector = static_cast<InterruptVector>(next_device_vector++);
  }
  vectors[vector].name.store(name, std::memory_order_relaxed);
  set_vector_handler(vector, handler, context);
  return vector;
}

void set_vector_handler(InterruptVector vector, InterruptHandler handler, void* context) {
  VectorEntry& entry = vectors[vector];
  entry.context = context;
  entry.handler.store(handler, std::memory_order_release);
}

void dispatch_interrupt(InterruptVector vector) {
  VectorEntry& entry = vectors[vector];
  if (vector >= kFirstDeviceVector) {
    std::atomic<std::uint32_t>& taken = counts.mine().taken[vector - kFirstDeviceVector];
    taken.store(taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  if (InterruptHandler handler = entry.handler.load(std::memory_order_acquire)) {
    handler(entry.context);
  } else if (vector != kSpuriousVector) {
    LOG_WARNING("irq: vector %#x has no handler", vector);
  }
  // After the handler: a level-triggered line has been quietened by then. The spurious vector is the one
  // that the controller does not count as in service.
  if (vector != kSpuriousVector && cpu_controller != nullptr) cpu_controller->end_of_interrupt();
}

std::uint32_t interrupt_count(CpuId cpu, InterruptVector vector) {
  if (vector < kFirstDeviceVector) return 0;
  return counts.of(cpu).taken[vector - kFirstDeviceVector].load(std::memory_order_relaxed);
}
const char* interrupt_name(InterruptVector vector) { return vectors[vector].name.load(std::memory_order_relaxed); }

void set_cpu_interrupt_controller(CpuInterruptController* controller) { cpu_controller = controller; }
CpuInterruptController& cpu_interrupt_controller() {
  ASSERT(cpu_controller != nullptr);
  return *cpu_controller;
}

void set_line_controller(LineController* controller) { wired_controller = controller; }
LineController& line_controller() {
  ASSERT(wired_controller != nullptr);
  return *wired_controller;
}

CpuMask online_cpus() { return online.load(std::memory_order_acquire); }
void set_cpu_online(CpuId cpu) { online.fetch_or(cpu_bit(cpu), std::memory_order_acq_rel); }

}  // namespace mokapot
