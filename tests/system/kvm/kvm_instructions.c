// SPDX-License-Identifier: Apache-2.0
//
// Which instructions a KVM carries out at CPL 0, where all of Mokapot and its program run. A hypervisor
// without hardware virtualisation hands CPL 0 code to KVM's instruction emulator, which knows no vector
// arithmetic and no XSAVE, whatever CPUID says; such a VM ends with KVM_EXIT_INTERNAL_ERROR.
//
// Each instruction runs by itself in a new VM of one CPU in 64-bit mode, followed by HLT. No kernel of
// ours takes part. One line an instruction; status 1 if any that the CPU has was not carried out, 2 if
// there is no VM to be had.
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  kMemory = 2 << 20,  // one large page, mapped to itself
  kPml4 = 0x1000,
  kPdpt = 0x2000,
  kPageDirectory = 0x3000,
  kCode = 0x6000,
  kStack = 0x7000,
  kData = 0x8000,  // RDI
  kLongestCode = 16,
  kCpuidEntries = 256,
};

// Bits of CPUID's leaf 1, ECX.
enum { kAlways = 0, kCmpxchg16b = 1 << 13, kPopcnt = 1 << 23, kXsave = 1 << 26, kAvx = 1 << 28, kRdrand = 1 << 30 };

struct instruction {
  const char* name;
  uint32_t needs;
  uint8_t code[kLongestCode];
  int length;
};
#define CODE(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
static const struct instruction kInstructions[] = {
    {"inc rax", kAlways, CODE(0x48, 0xff, 0xc0)},
    {"mov rax, cr3; mov cr3, rax", kAlways, CODE(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8)},
    {"lock xadd [rdi], rax", kAlways, CODE(0xf0, 0x48, 0x0f, 0xc1, 0x07)},
    {"rdtsc", kAlways, CODE(0x0f, 0x31)},
    {"fxsave64 [rdi]", kAlways, CODE(0x48, 0x0f, 0xae, 0x07)},
    {"fxrstor64 [rdi]", kAlways, CODE(0x48, 0x0f, 0xae, 0x0f)},
    {"movups [rdi], xmm0", kAlways, CODE(0x0f, 0x11, 0x07)},
    {"pxor xmm0, xmm0", kAlways, CODE(0x66, 0x0f, 0xef, 0xc0)},
    {"addsd xmm0, xmm0", kAlways, CODE(0xf2, 0x0f, 0x58, 0xc0)},
    {"cvtsi2sd xmm0, rax", kAlways, CODE(0xf2, 0x48, 0x0f, 0x2a, 0xc0)},
    {"fld1", kAlways, CODE(0xd9, 0xe8)},
    {"cmpxchg16b [rdi]", kCmpxchg16b, CODE(0x48, 0x0f, 0xc7, 0x0f)},
    {"popcnt rax, rax", kPopcnt, CODE(0xf3, 0x48, 0x0f, 0xb8, 0xc0)},
    {"rdrand rax", kRdrand, CODE(0x48, 0x0f, 0xc7, 0xf0)},
    {"xsave64 [rdi]", kXsave, CODE(0x48, 0x0f, 0xae, 0x27)},
    {"xrstor64 [rdi]", kXsave, CODE(0x48, 0x0f, 0xae, 0x2f)},
    {"vpxor ymm0, ymm0, ymm0", kAvx, CODE(0xc5, 0xfd, 0xef, 0xc0)},
};

// Ends the program, which reports no verdict then.
static void need(int is_well, const char* what) {
  if (is_well) return;
  perror(what);
  exit(2);
}

// The entry of leaf 1 in what a CPU is given as its CPUID.
static struct kvm_cpuid_entry2* leaf_1(struct kvm_cpuid2* cpuid) {
  for (unsigned i = 0; i < cpuid->nent; ++i)
    if (cpuid->entries[i].function == 1) return &cpuid->entries[i];
  need(0, "no leaf 1 in KVM_GET_SUPPORTED_CPUID");
  return NULL;
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, int is_code) {
  struct kvm_segment flat = {.limit = ~0u, .selector = selector, .type = type, .present = 1, .s = 1, .g = 1};
  flat.l = is_code;
  flat.db = !is_code;
  return flat;
}

static void fill_memory(uint8_t* memory, const struct instruction* instruction) {
  static const uint8_t kHalt = 0xf4;
  const uint64_t tables[][2] = {
      {kPml4, kPdpt | 3}, {kPdpt, kPageDirectory | 3}, {kPageDirectory, 0x80 | 3}};  // present, writable; large
  for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; ++i) memcpy(memory + tables[i][0], &tables[i][1], 8);
  memcpy(memory + kCode, instruction->code, instruction->length);
  memory[kCode + instruction->length] = kHalt;
  // A vector state area in its initial state: x87 control word, MXCSR.
  const uint16_t control = 0x37f;
  const uint32_t mxcsr = 0x1f80;
  memcpy(memory + kData, &control, sizeof control);
  memcpy(memory + kData + 24, &mxcsr, sizeof mxcsr);
}

static void enter_long_mode(int cpu, int has_xsave) {
  struct kvm_sregs system;
  need(ioctl(cpu, KVM_GET_SREGS, &system) == 0, "KVM_GET_SREGS");
  system.cr0 = 0x80000033;                                      // paging, x87 and SSE as the kernel has them
  system.cr3 = kPml4;
  system.cr4 = 0x20 | 0x600 | (has_xsave ? 1u << 18 : 0);       // PAE, FXSAVE and SSE, XSAVE
  system.efer = 0x500;                                          // long mode enabled and active
  system.cs = flat_segment(0x08, 11, 1);
  system.ds = system.es = system.fs = system.gs = system.ss = flat_segment(0x10, 3, 0);
  need(ioctl(cpu, KVM_SET_SREGS, &system) == 0, "KVM_SET_SREGS");
  if (has_xsave) {
    struct kvm_xcrs extended = {.nr_xcrs = 1};
    extended.xcrs[0].value = 7;  // x87, SSE, AVX
    need(ioctl(cpu, KVM_SET_XCRS, &extended) == 0, "KVM_SET_XCRS");
  }
  struct kvm_regs registers = {.rip = kCode, .rflags = 2, .rsp = kStack, .rdi = kData, .rax = 7};
  need(ioctl(cpu, KVM_SET_REGS, &registers) == 0, "KVM_SET_REGS");
}

struct outcome {
  int result;  // of KVM_RUN
  uint32_t exit_reason, suberror;
  uint32_t rcx;
};

static struct outcome run_code(int kvm, struct kvm_cpuid2* cpuid, const struct instruction* instruction) {
  uint8_t* memory = mmap(NULL, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  need(memory != MAP_FAILED, "mmap");
  fill_memory(memory, instruction);
  const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
  need(vm >= 0, "KVM_CREATE_VM");
  ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);  // wanted by some CPUs for a mode that is not used here
  struct kvm_userspace_memory_region region = {.memory_size = kMemory, .userspace_addr = (uintptr_t)memory};
  need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0, "KVM_SET_USER_MEMORY_REGION");
  const int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
  need(cpu >= 0, "KVM_CREATE_VCPU");
  need(ioctl(cpu, KVM_SET_CPUID2, cpuid) == 0, "KVM_SET_CPUID2");
  enter_long_mode(cpu, (leaf_1(cpuid)->ecx & kXsave) != 0);
  const int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  struct kvm_run* run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  need(run != MAP_FAILED, "mmap of the CPU");

  struct outcome outcome = {.result = ioctl(cpu, KVM_RUN, 0), .exit_reason = run->exit_reason};
  if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) outcome.suberror = run->internal.suberror;
  struct kvm_regs registers;
  need(ioctl(cpu, KVM_GET_REGS, &registers) == 0, "KVM_GET_REGS");
  outcome.rcx = (uint32_t)registers.rcx;
  munmap(run, size);
  close(cpu);
  close(vm);
  munmap(memory, kMemory);
  return outcome;
}

// 1 if it was carried out; says so.
static int try_instruction(int kvm, struct kvm_cpuid2* cpuid, const struct instruction* instruction) {
  const struct outcome outcome = run_code(kvm, cpuid, instruction);
  if (outcome.result == 0 && outcome.exit_reason == KVM_EXIT_HLT) {
    printf("%-28s carried out\n", instruction->name);
    return 1;
  }
  if (outcome.result == 0 && outcome.exit_reason == KVM_EXIT_INTERNAL_ERROR)
    printf("%-28s NOT carried out: KVM_EXIT_INTERNAL_ERROR, suberror %u%s\n", instruction->name, outcome.suberror,
           outcome.suberror == KVM_INTERNAL_ERROR_EMULATION ? " (emulation failure)" : "");
  else
    printf("%-28s NOT carried out: KVM_RUN gives %d, exit reason %u\n", instruction->name, outcome.result,
           outcome.exit_reason);
  return 0;
}

int main(void) {
  alarm(60);  // a VM that does not come back
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  need(kvm >= 0, "/dev/kvm");
  struct kvm_cpuid2* cpuid = calloc(1, sizeof *cpuid + kCpuidEntries * sizeof *cpuid->entries);
  need(cpuid != NULL, "memory");
  cpuid->nent = kCpuidEntries;
  need(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0, "KVM_GET_SUPPORTED_CPUID");
  // What a guest believes is what the instruction tells it, which need not be what its CPU was given.
  static const struct instruction kCpuid = {"cpuid", kAlways, CODE(0xb8, 1, 0, 0, 0, 0x0f, 0xa2)};
  int is_whole = try_instruction(kvm, cpuid, &kCpuid);
  const uint32_t features = run_code(kvm, cpuid, &kCpuid).rcx;
  const uint32_t given = leaf_1(cpuid)->ecx | 1u << 27;  // OSXSAVE, which follows CR4
  if ((features & ~given) != 0)
    printf("%-28s leaf 1 shows features %#x in ECX that this CPU was not given\n", "cpuid", features & ~given);
  leaf_1(cpuid)->ecx |= features & kXsave;  // or CR4 could not be set as a guest sets it
  for (unsigned i = 0; i < sizeof kInstructions / sizeof kInstructions[0]; ++i)
    if ((features & kInstructions[i].needs) == kInstructions[i].needs)
      is_whole &= try_instruction(kvm, cpuid, &kInstructions[i]);
  return is_whole ? 0 : 1;
}
