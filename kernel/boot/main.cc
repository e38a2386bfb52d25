// SPDX-License-Identifier: Apache-2.0
//
// The composition root: brings the layers up from the bottom, in the order that their headers ask for,
// and hands over to the application. Entered by arch/x64/boot.S on the boot CPU with interrupts off.
#include <bit>

#include "arch/boot.h"
#include "arch/context.h"
#include "arch/msr.h"
#include "arch/traps.h"
#include "base/annotations.h"
#include "boot/application.h"
#include "boot/boot_info.h"
#include "boot/kernel_map.h"
#include "boot/processors.h"
#include "boot/self_test.h"
#include "boot/trap_wiring.h"
#include "contract/vm_contract.h"
#include "device/random.h"
#include "device/stream_port.h"
#include "drivers/drivers.h"
#include "exec/direct_calls.h"
#include "irq/irq.h"
#include "linux/dispatch.h"
#include "linux/segments.h"
#include "linux/thread_report.h"
#include "linux/timers.h"
#include "memory/frames.h"
#include "memory/heap.h"
#include "process/futex.h"
#include "process/process.h"
#include "process/signals.h"
#include "sched/thread.h"
#include "sched/work_queue.h"
#include "time/clock.h"
#include "time/timer.h"
#include "trace/log.h"
#include "trace/panic.h"
#include "vm/address_space.h"
#include "vm/code_pages.h"

namespace mokapot {
namespace {

constinit BootInfo boot_info;

void stop_other_cpus() { cpu_interrupt_controller().send_to_others(kStopVector); }
void halt_this_cpu(void*) {
  while (true) {
    arch::interrupts_disable();
    arch::halt_until_interrupt();
  }
}
void describe_threads() { report_stopped_threads(WithStacks::kNo, serial_log_sink); }
void end_after_panic() { debug_exit(contract::kPanicExitCode); }

void prepare_log(std::string_view command_line) {
  const bool verbose = command_line_option(command_line, contract::kOptionVerbose).has;
  if (verbose) {
    for_each_log_line(serial_log_sink);  // what was said before the command line was read
    set_log_sink(serial_log_sink, LogLevel::kInfo);
  }
  const std::string_view traced = command_line_option(command_line, contract::kOptionTrace).value;
  set_syscall_trace(traced == "syscalls" ? SyscallTrace::kOn : SyscallTrace::kOff);
  if (traced == "scheduler") trace_scheduler();
}

void take_over_memory(BootInfo& info) {
  exclude_range(info, kernel_image_range());
  exclude_range(info, info.initrd);
  exclude_range(info, info.loader);
  build_kernel_map(info);
  initialise_frames(info.usable, info.usable_count);
  initialise_heap();
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  random_bytes(&seed, sizeof(seed));
  return seed;
}

}  // namespace

extern "C" [[noreturn]] NO_STACK_PROTECTOR void kernel_start(unsigned protocol, std::uint64_t information, std::uint64_t slide) {
  const KernelStack boot_stack{arch::boot_stack_bottom(), arch::boot_stack_top()};
  arch::initialise_cpu({CpuId(0), boot_stack.bottom, boot_stack.top});
  wire_traps();
  initialise_serial();
  set_panic_hooks({.print = serial_log_sink, .stop_other_cpus = nullptr, .describe_threads = nullptr, .end_vm = end_after_panic});
  read_boot_info(static_cast<BootProtocol>(protocol), PhysAddr(information), boot_info);
  const std::string_view command_line(boot_info.command_line);
  prepare_log(command_line);
  LOG_INFO("mokapot: protocol %u, image slid by %#lx, command line: %.120s", protocol, slide, boot_info.command_line);
  if (command_line_option(command_line, contract::kOptionNoXsave).has) arch::forgo_xsave();
  take_over_memory(boot_info);

  const Platform& platform = discover_platform(boot_info.rsdp, command_line);
  seed_random();
  initialise_interrupt_controllers(platform);
  set_vector_handler(kStopVector, halt_this_cpu, nullptr);
  set_panic_hooks({.print = serial_log_sink, .stop_other_cpus = stop_other_cpus, .describe_threads = describe_threads, .end_vm = end_after_panic});
  initialise_clocks(platform);
  initialise_timers();
  initialise_cross_calls();
  set_cpu_online(CpuId(0));
  initialise_scheduler(boot_stack);
  arch::interrupts_enable();
  start_processors(platform);
  release_boot_section();
  initialise_work_queue();
  initialise_stream_ports();

  initialise_task_table();
  initialise_signals();
  initialise_futexes();
  initialise_application_timers();
  initialise_segments();
  initialise_resource_limits();
  if (!AddressSpace::initialise(random_seed()).ok()) panic("no memory for the address space");
  const FrameStatistics frames = frame_statistics();
  LOG_INFO("mokapot: %lu MiB, %zu CPUs, clock %s, up after %ld us", frames.total_frames * kPageSize >> 20,
           platform.cpus.size(), clock_source().name(), now().nanoseconds() / 1000);
  if (command_line_option(command_line, contract::kOptionDirectCalls).value != "off") allow_direct_calls();
  const bool emulated = arch::hypervisor_is(arch::kTcgSignature);
  map_blocks_by_pages(emulated);
  // One CPU alone does nothing else while it translates.
  lend_code_pages(emulated && !std::has_single_bit(online_cpus()) &&
                  command_line_option(command_line, contract::kOptionCodePages).value != "off");
  if (command_line_option(command_line, contract::kOptionThreadClasses).value == "off") ignore_thread_classes();
  probe_devices(platform);
  refine_clock();
  commit_fault(command_line_option(command_line, contract::kOptionFail).value);
  run_application(boot_info);
}

}  // namespace mokapot
