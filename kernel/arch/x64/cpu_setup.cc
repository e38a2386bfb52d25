// SPDX-License-Identifier: Apache-2.0
//
// Descriptor tables and control registers of one CPU. Runs once on each, interrupts off, before anything else.
//
// Table of stacks for traps (Intel SDM vol. 3, 6.14.5):
//   IST 1  landing pad: all exceptions and interrupts but those below (see entry.S)
//   IST 2  #DF      IST 3  NMI      IST 4  #MC: stay on their own stacks
//   plus an emergency stack on which a kernel stack overflow is reported.
#include <cstring>

#include "arch/context.h"
#include "arch/hardware_random.h"
#include "arch/msr.h"
#include "arch/traps.h"
#include "arch/x64/cpu_setup.h"
#include "base/annotations.h"
#include "base/assert.h"

namespace mokapot::arch {
namespace {

struct [[gnu::packed]] TaskStateSegment {
  std::uint32_t reserved0;
  std::uint64_t rsp[3];
  std::uint64_t reserved1;
  std::uint64_t ist[7];
  std::uint64_t reserved2;
  std::uint16_t reserved3;
  std::uint16_t io_map_base;
};
static_assert(sizeof(TaskStateSegment) == 104);

struct IdtGate {
  std::uint64_t low, high;
};
struct [[gnu::packed]] DescriptorPointer {
  std::uint16_t limit;
  std::uint64_t base;
};

// Per-CPU tables; constant after initialise_cpu but for the CpuLocal block, which is this CPU's own.
struct alignas(64) CpuTables {
  CpuLocal local;
  std::uint64_t gdt[5];  // null, code, data, TSS (two entries)
  TaskStateSegment tss;
  VirtAddr trap_stacks;
};
constinit CpuTables tables[kMaxCpus] = {};
constinit IdtGate idt[256] = {};
// The boot CPU's stacks for traps; other CPUs get theirs from the frame allocator.
alignas(4096) constinit std::uint8_t boot_trap_stacks[kTrapStackBytes];

constexpr std::uint32_t kMsrEfer = 0xc0000080, kMsrStar = 0xc0000081, kMsrLstar = 0xc0000082;
constexpr std::uint32_t kMsrSfmask = 0xc0000084, kMsrFsBase = 0xc0000100, kMsrGsBase = 0xc0000101;
constexpr std::uint64_t kEferSyscall = 1, kEferNoExecute = 1 << 11;
constexpr std::uint64_t kCr0WriteProtect = 1 << 16, kCr0MonitorCoprocessor = 2, kCr0Emulation = 4, kCr0NumericError = 0x20;
constexpr std::uint64_t kCr4Pge = 1 << 7, kCr4Fxsr = 1 << 9, kCr4XmmExceptions = 1 << 10, kCr4Fsgsbase = 1 << 16;
constexpr std::uint64_t kCr4Smep = 1 << 20, kCr4Smap = 1 << 21;
// Cleared on SYSCALL: DF, TF, NT, AC, IOPL. Not IF: see entry.S.
constexpr std::uint64_t kSyscallClears = 0x400 | 0x100 | 0x4000 | 0x40000 | 0x3000;
// What a CPU's return_work points at until it has a thread.
constinit std::atomic<std::uint32_t> no_return_work{0};

extern "C" const std::uint8_t vector_stubs[];
extern "C" void syscall_entry();
extern "C" void direct_entry();
extern "C" void plain_entry();

// Before its CPU's GS has a base a function has no canary.
NO_STACK_PROTECTOR void build_idt() {
  for (unsigned vector = 0; vector < 256; ++vector) {
    const std::uint64_t target = VirtAddr(vector_stubs).value() + vector * 16;
    const std::uint64_t ist = vector == 8 ? 2 : vector == 2 ? 3 : vector == 18 ? 4 : 1;
    // 64-bit interrupt gate: interrupts go off on entry. DPL 0 suffices, all code is CPL 0.
    idt[vector].low = (target & 0xffff) | (std::uint64_t{0x08} << 16) | (ist << 32) |
                      (std::uint64_t{0x8e00} << 32) | ((target & 0xffff0000) << 32);
    idt[vector].high = target >> 32;
  }
}

NO_STACK_PROTECTOR void load_tables(CpuTables& t) {
  const std::uint64_t tss = VirtAddr(&t.tss).value();
  t.gdt[0] = 0;
  t.gdt[1] = 0x00af9b000000ffff;
  t.gdt[2] = 0x00cf93000000ffff;
  t.gdt[3] = (sizeof(TaskStateSegment) - 1) | ((tss & 0xffffff) << 16) | (std::uint64_t{0x89} << 40) |
             ((tss & 0xff000000) << 32);
  t.gdt[4] = tss >> 32;
  const DescriptorPointer gdt_pointer{sizeof(t.gdt) - 1, VirtAddr(t.gdt).value()};
  const DescriptorPointer idt_pointer{sizeof(idt) - 1, VirtAddr(idt).value()};
  // SAFETY: the tables outlive the kernel; the far return reloads CS with the same flat 64-bit code segment.
  asm volatile(
      "lgdt %0\n\t lidt %1\n\t"
      "pushq $8\n\t leaq 1f(%%rip), %%rax\n\t pushq %%rax\n\t lretq\n"
      "1: movl $0x10, %%eax\n\t movl %%eax, %%ss\n\t movl %%eax, %%ds\n\t movl %%eax, %%es\n\t"
      "xorl %%eax, %%eax\n\t movl %%eax, %%fs\n\t movl %%eax, %%gs\n\t"
      "movl $0x18, %%eax\n\t ltr %%ax"
      :
      : "m"(gdt_pointer), "m"(idt_pointer)
      : "rax", "memory");
}

// One for each stack. Its lowest byte is zero, so no string that runs over can write it. (The finaliser is that of
// MurmurHash3: a canary that was read says nothing about those of other stacks.)
NO_STACK_PROTECTOR std::uint64_t new_stack_canary() {
  static constinit std::atomic<std::uint64_t> last{0};
  std::uint64_t random = 0;
  hardware_random(random);
  std::uint64_t mixed = random ^ last.load(std::memory_order_relaxed) ^ cycle_counter();
  mixed = (mixed ^ mixed >> 33) * 0xff51'afd7'ed55'8ccd;
  mixed = (mixed ^ mixed >> 33) * 0xc4ce'b9fe'1a85'ec53;
  mixed ^= mixed >> 33;
  last.fetch_add(mixed, std::memory_order_relaxed);
  return mixed & ~std::uint64_t{0xff};
}

void set_control_registers() {
  std::uint64_t cr0, cr4;
  // SAFETY: control registers of this CPU; the bits are those the kernel is built for.
  asm volatile("movq %%cr0, %0" : "=r"(cr0));
  cr0 = (cr0 | kCr0WriteProtect | kCr0MonitorCoprocessor | kCr0NumericError) & ~(kCr0Emulation | 8 /* TS */);
  asm volatile("movq %0, %%cr0" : : "r"(cr0) : "memory");
  asm volatile("movq %%cr4, %0" : "=r"(cr4));
  cr4 |= kCr4Pge | kCr4Fxsr | kCr4XmmExceptions;
  cr4 = manages_xsave() ? cr4 | kCr4Xsave : cr4 & ~kCr4Xsave;
  // FSGSBASE stays off: GS is the kernel's. SMEP and SMAP say nothing without user pages.
  cr4 &= ~(kCr4Fsgsbase | kCr4Smep | kCr4Smap);
  asm volatile("movq %0, %%cr4" : : "r"(cr4) : "memory");
  write_msr(kMsrEfer, read_msr(kMsrEfer) | kEferSyscall | kEferNoExecute);
  write_msr(kMsrStar, std::uint64_t{0x08} << 32);
  write_msr(kMsrLstar, VirtAddr(reinterpret_cast<const void*>(&syscall_entry)).value());
  write_msr(kMsrSfmask, kSyscallClears);
}

}  // namespace

bool prepare_cpu(CpuId cpu, VirtAddr trap_stacks) {
  tables[cpu.index()].trap_stacks = trap_stacks;
  return true;
}

CpuLocal& local_block_of(CpuId cpu) { return tables[cpu.index()].local; }

NO_STACK_PROTECTOR void initialise_cpu(const CpuSetup& setup) {
  CpuTables& t = tables[setup.cpu.index()];
  if (setup.cpu.index() == 0) {
    build_idt();
    t.trap_stacks = VirtAddr(boot_trap_stacks);
  }
  const VirtAddr stacks = t.trap_stacks;
  t.tss.ist[0] = stacks.value() + 0x800;   // pad: ten words are all that it ever holds
  t.tss.ist[1] = stacks.value() + 0x1800;  // #DF
  t.tss.ist[2] = stacks.value() + 0x2800;  // NMI
  t.tss.ist[3] = stacks.value() + 0x3000;  // #MC
  t.tss.io_map_base = sizeof(TaskStateSegment);
  t.local.self = &t.local;
  t.local.stack_canary = new_stack_canary();
  t.local.return_work = &no_return_work;
  t.local.direct_entry = VirtAddr(reinterpret_cast<const void*>(&direct_entry)).value();
  t.local.plain_entry = VirtAddr(reinterpret_cast<const void*>(&plain_entry)).value();
  t.local.cpu_index = setup.cpu.index();
  t.local.emergency_stack_top = stacks.value() + 0x4000;
  t.local.kernel_stack_bottom = setup.stack_bottom.value();
  t.local.kernel_stack_top = setup.stack_top.value();
  load_tables(t);
  write_msr(kMsrGsBase, VirtAddr(&t.local).value());
  set_control_registers();
  initialise_extended_state_on_this_cpu();
}

void set_kernel_stack(VirtAddr bottom, VirtAddr top) {
  CpuLocal* local = cpu_local();
  local->kernel_stack_bottom = bottom.value();
  local->kernel_stack_top = top.value();
}

void set_thread_pointer(std::uint64_t base) { write_msr(kMsrFsBase, base); }

extern "C" void thread_start();

StackRange current_kernel_stack() {
  const CpuLocal* local = cpu_local();
  return {VirtAddr(local->kernel_stack_bottom), VirtAddr(local->kernel_stack_top)};
}

void prepare_context(SwitchContext& context, VirtAddr stack_top, void (*entry)(void*), void* argument) {
  // The top of a task's stack is where its application frame goes (enter_application): stay below it.
  constexpr std::uint64_t kFrameRoom = 256;
  // The order in which arch_switch_stacks pops: r15 r14 r13 r12 rbx rbp, then the return address. Two
  // zero words above it end frame walks and keep the ABI's stack alignment at thread_start.
  auto* stack = VirtAddr(stack_top - kFrameRoom - 16).as<std::uint64_t>();
  stack[0] = stack[1] = 0;
  *--stack = VirtAddr(reinterpret_cast<const void*>(&thread_start)).value();
  *--stack = 0;                                                                 // rbp
  *--stack = VirtAddr(reinterpret_cast<const void*>(entry)).value();            // rbx
  *--stack = VirtAddr(argument).value();                                        // r12
  *--stack = 0;
  *--stack = 0;
  *--stack = 0;
  context.stack_pointer = VirtAddr(stack).value();
  context.stack_canary = new_stack_canary();
}

}  // namespace mokapot::arch
