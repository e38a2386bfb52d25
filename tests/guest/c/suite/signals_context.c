// SPDX-License-Identifier: Apache-2.0
//
// What the signal frame holds and what a handler may do to it: registers, vector state, the red zone,
// a changed RIP, an alternate stack.

#include "suite.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <ucontext.h>

static void handle(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  NEED(sigaction(number, &action, NULL) == 0);
}

// Reads *rdi, or returns -2 when a handler sends it to load_failed (as HotSpot's SafeFetch does).
long load_or_fail(const long* address);
extern const char load_instruction[], load_failed[];
__asm__(
    ".text\n.globl load_or_fail, load_instruction, load_failed\n.hidden load_instruction, load_failed\n"
    ".type load_or_fail, @function\nload_or_fail:\n"
    "load_instruction: movq (%rdi), %rax\nret\n"
    "load_failed: movq $-2, %rax\nret\n.size load_or_fail, . - load_or_fail\n");

static struct {
  int rip_right, rdi_right, trap, stack_right, flags_user;
} seen;

static void redirect(int number, siginfo_t* info, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  seen.rip_right = r[REG_RIP] == (greg_t)load_instruction;
  seen.rdi_right = r[REG_RDI] == (greg_t)info->si_addr;
  seen.trap = r[REG_TRAPNO];
  seen.stack_right = r[REG_RSP] > (greg_t)&number;  // the frame lies below the interrupted stack
  seen.flags_user = (r[REG_EFL] & 0x202) == 0x202;
  r[REG_RIP] = (greg_t)load_failed;
}

TEST(handler_changes_rip) {
  handle(SIGSEGV, redirect, 0);
  long good = 42;
  VALUE(load_or_fail(&good));
  int failures = 0;
  for (int i = 0; i < 1000; ++i) failures += load_or_fail((long*)(8L * (i % 500))) == -2;
  VALUE(failures);
  say("rip %d, rdi %d, trap %d, stack %d, flags %d", seen.rip_right, seen.rdi_right, seen.trap,
      seen.stack_right, seen.flags_user);
  signal(SIGSEGV, SIG_DFL);
}

static greg_t cs_ss;
static void look_at_segments(int number, siginfo_t* info, void* context) {
  cs_ss = ((ucontext_t*)context)->uc_mcontext.gregs[REG_CSGSFS];
}
TEST(frame_shows_user_segments) {
  handle(SIGUSR1, look_at_segments, 0);
  raise(SIGUSR1);
  say("cs %#llx, ss %#llx", cs_ss & 0xffff, (cs_ss >> 48) & 0xffff);
  signal(SIGUSR1, SIG_DFL);
}

// Sets every general register but RSP to a pattern, faults on purpose and checks them all afterwards.
// rbx points at the result: a mask of the registers that changed.
long registers_survive_fault(void);
extern const char survive_after[];
__asm__(
    ".text\n.globl registers_survive_fault, survive_after\n.hidden survive_after\n"
    "registers_survive_fault:\n"
    "pushq %rbx\npushq %rbp\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq $0x1111, %rax\nmovq $0x2222, %rbx\nmovq $0x3333, %rcx\nmovq $0x4444, %rdx\n"
    "movq $0x5555, %rsi\nmovq $0x6666, %rbp\nmovq $0x8888, %r8\nmovq $0x9999, %r9\n"
    "movq $0xaaaa, %r10\nmovq $0xbbbb, %r11\nmovq $0xcccc, %r12\nmovq $0xdddd, %r13\n"
    "movq $0xeeee, %r14\nmovq $0xffff, %r15\nxorl %edi, %edi\n"
    "std\nstc\n"                       // flags too
    "movb (%rdi), %dil\n"              // faults; the handler goes on at survive_after
    "survive_after:\n"
    "pushfq\ncld\n"
    "cmpq $0x1111, %rax\njne 1f\ncmpq $0x2222, %rbx\njne 1f\ncmpq $0x3333, %rcx\njne 1f\n"
    "cmpq $0x4444, %rdx\njne 1f\ncmpq $0x5555, %rsi\njne 1f\ncmpq $0x6666, %rbp\njne 1f\n"
    "cmpq $0x8888, %r8\njne 1f\ncmpq $0x9999, %r9\njne 1f\ncmpq $0xaaaa, %r10\njne 1f\n"
    "cmpq $0xbbbb, %r11\njne 1f\ncmpq $0xcccc, %r12\njne 1f\ncmpq $0xdddd, %r13\njne 1f\n"
    "cmpq $0xeeee, %r14\njne 1f\ncmpq $0xffff, %r15\njne 1f\ntestq %rdi, %rdi\njne 1f\n"
    "popq %rax\nandl $0x401, %eax\ncmpl $0x401, %eax\njne 2f\nxorl %eax, %eax\njmp 3f\n"
    "1: addq $8, %rsp\nmovl $1, %eax\njmp 3f\n"
    "2: movl $2, %eax\n"
    "3: popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbp\npopq %rbx\nret\n");

static int direction_in_handler;
static void go_on(int number, siginfo_t* info, void* context) {
  long flags;
  __asm__ volatile("pushfq; popq %0" : "=r"(flags));
  direction_in_handler = (flags & 0x400) != 0;
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)survive_after;
}
TEST(all_registers_survive_a_fault) {
  handle(SIGSEGV, go_on, 0);
  VALUE(registers_survive_fault());
  say("direction flag in the handler %d", direction_in_handler);
  signal(SIGSEGV, SIG_DFL);
}

// The 128 bytes below RSP belong to the code: fills them, faults, and compares.
long red_zone_survives_fault(void);
extern const char red_zone_after[];
__asm__(
    ".text\n.globl red_zone_survives_fault, red_zone_after\n.hidden red_zone_after\n"
    "red_zone_survives_fault:\n"
    "movq $16, %rcx\n1: movq %rcx, %rdx\nnegq %rdx\nmovq %rcx, (%rsp,%rdx,8)\ndecq %rcx\njnz 1b\n"
    "xorl %edi, %edi\nmovb (%rdi), %dil\n"
    "red_zone_after:\n"
    "xorl %eax, %eax\nmovq $16, %rcx\n2: movq %rcx, %rdx\nnegq %rdx\ncmpq %rcx, (%rsp,%rdx,8)\n"
    "je 3f\nincl %eax\n3: decq %rcx\njnz 2b\nret\n");

static void spoil_stack(void) {
  volatile char below[4096];
  memset((char*)below, 0xee, sizeof below);
}
static void red_zone_handler(int number, siginfo_t* info, void* context) {
  spoil_stack();
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)red_zone_after;
}
TEST(red_zone_survives_faults) {
  handle(SIGSEGV, red_zone_handler, 0);
  VALUE(red_zone_survives_fault());
  signal(SIGSEGV, SIG_DFL);
}

// Spins with data in its red zone and vector registers until *stop, checking both all the time;
// returns the rounds in which something had changed.
static volatile int stop;
static long spin_checking(void) {
  long wrong = 0;
  while (!stop) {
    long bad = 0;
    __asm__ volatile(
        "movq $0x123456789, %%rax\nmovq %%rax, -8(%%rsp)\nmovq %%rax, -120(%%rsp)\n"
        "movq %%rax, %%xmm0\npunpcklqdq %%xmm0, %%xmm0\nmovdqa %%xmm0, %%xmm15\n"
        "movl $2000, %%ecx\n1: pause\ndecl %%ecx\njnz 1b\n"
        "cmpq %%rax, -8(%%rsp)\njne 2f\ncmpq %%rax, -120(%%rsp)\njne 2f\n"
        "movq %%xmm15, %%rdx\ncmpq %%rax, %%rdx\njne 2f\n"
        "psrldq $8, %%xmm0\nmovq %%xmm0, %%rdx\ncmpq %%rax, %%rdx\nje 3f\n"
        "2: movq $1, %0\n3:\n"
        : "+r"(bad) : : "rax", "rcx", "rdx", "xmm0", "xmm15", "memory", "cc");
    wrong += bad;
  }
  return wrong;
}
static void* spinner(void* argument) { return (void*)spin_checking(); }

static volatile long ticks;
static void use_vectors(int number, siginfo_t* info, void* context) {
  __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\nmovdqa %%xmm0, %%xmm15" : : : "xmm0", "xmm15");
  ++ticks;
  spoil_stack();
}

TEST(timer_signals_and_preemption_leave_spinning_code_alone) {
  // More threads than CPUs, so that they preempt each other, and a timer that interrupts them.
  handle(SIGALRM, use_vectors, SA_RESTART);
  stop = 0;
  ticks = 0;
  unsigned long threads[6];
  for (int i = 0; i < 6; ++i) threads[i] = start_thread(spinner, NULL);
  struct itimerval period = {{0, 3000}, {0, 3000}}, none = {{0, 0}, {0, 0}};
  NEED(setitimer(ITIMER_REAL, &period, NULL) == 0);
  for (int i = 0; i < 100 && (i < 4 || ticks <= 10); ++i) sleep_ms(100);
  setitimer(ITIMER_REAL, &none, NULL);
  stop = 1;
  long wrong = 0;
  for (int i = 0; i < 6; ++i) wrong += (long)join_thread(threads[i]);
  VALUE(wrong);
  TRUTH(ticks > 10);
  signal(SIGALRM, SIG_DFL);
}

// YMM where the processor has it: upper halves must survive a fault and a changed frame.
extern const char ymm_after[];
__attribute__((target("avx"))) static int ymm_survives(void) {
  unsigned long in[4] = {1, 2, 3, 4}, out[4] = {0};
  __asm__ volatile(
      "vmovdqu (%0), %%ymm7\nxorl %%edi, %%edi\nmovb (%%rdi), %%dil\n"
      ".globl ymm_after\n.hidden ymm_after\nymm_after: vmovdqu %%ymm7, (%1)\nvzeroupper\n"
      : : "r"(in), "r"(out) : "rdi", "xmm7", "memory");
  return memcmp(in, out, sizeof in) == 0;
}
static int frame_has_magic;
__attribute__((target("avx"))) static void ymm_handler(int number, siginfo_t* info, void* context) {
  ucontext_t* c = context;
  __asm__ volatile("vpxor %%xmm7, %%xmm7, %%xmm7\nvzeroall" : : : "xmm7");
  const uint32_t* reserved = (const uint32_t*)((const char*)c->uc_mcontext.fpregs + 464);
  const uint32_t size = reserved[4], extended = reserved[1];
  const uint32_t* end = (const uint32_t*)((const char*)c->uc_mcontext.fpregs + size);
  frame_has_magic = reserved[0] == 0x46505853 && *end == 0x46505845 && extended >= size + 4;
  c->uc_mcontext.gregs[REG_RIP] = (greg_t)ymm_after;
}
TEST(ymm_survives_a_fault) {
  if (!__builtin_cpu_supports("avx")) {
    say("frame 1, registers 1");  // what both sides say that have AVX
    return;
  }
  handle(SIGSEGV, ymm_handler, 0);
  int survived = ymm_survives();
  say("frame %d, registers %d", frame_has_magic, survived);
  signal(SIGSEGV, SIG_DFL);
}

static void change_xmm(int number, siginfo_t* info, void* context) {
  ((ucontext_t*)context)->uc_mcontext.fpregs->_xmm[3].element[0] = 0x600d600d;
}
TEST(handler_changes_xmm_in_the_frame) {
  handle(SIGUSR1, change_xmm, 0);
  unsigned long value = 0;
  // raise by hand, so that nothing but the kernel touches xmm3: tgkill(getpid(), gettid(), SIGUSR1).
  __asm__ volatile(
      "pxor %%xmm3, %%xmm3\nmovl $39, %%eax\nsyscall\nmovl %%eax, %%ebx\nmovl $186, %%eax\nsyscall\n"
      "movl %%ebx, %%edi\nmovl %%eax, %%esi\nmovl $10, %%edx\nmovl $234, %%eax\nsyscall\n"
      "movq %%xmm3, %0\n"
      : "=r"(value) : : "rax", "rbx", "rcx", "rdx", "rdi", "rsi", "r11", "xmm3", "memory");
  say("%#lx", value);
  signal(SIGUSR1, SIG_DFL);
}

TEST(system_calls_keep_registers) {
  unsigned long bad = 0;
  __asm__ volatile(
      "movq $0x77, %%r8\nmovq $0x88, %%r9\nmovq $0x99, %%r10\nmovq $0x11, %%rdi\nmovq $0x22, %%rsi\n"
      "movq $0x33, %%rdx\nmovq $0x5a5a, %%rbx\nmovq %%rbx, %%xmm9\nmovl $39, %%eax\nsyscall\n"
      "cmpq $0x77, %%r8\njne 1f\ncmpq $0x88, %%r9\njne 1f\ncmpq $0x99, %%r10\njne 1f\n"
      "cmpq $0x11, %%rdi\njne 1f\ncmpq $0x22, %%rsi\njne 1f\ncmpq $0x33, %%rdx\njne 1f\n"
      "movq %%xmm9, %%rdi\ncmpq $0x5a5a, %%rdi\njne 1f\ncmpq $0x5a5a, %%rbx\njne 1f\n"
      "leaq 3f(%%rip), %%rdi\njmp 2f\n1: movq $1, %0\n2:\n3:\n"
      : "+r"(bad) : : "rax", "rbx", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "xmm9", "cc");
  VALUE(bad);
  // RCX holds the return address and R11 the flags, as SYSCALL leaves them.
  unsigned long rcx_right = 0, r11 = 0;
  __asm__ volatile("movl $39, %%eax\nsyscall\n1: leaq 1b(%%rip), %%rdx\nxorl %%eax, %%eax\n"
                   "cmpq %%rdx, %%rcx\nsete %%al\nmovq %%rax, %0\nmovq %%r11, %1\n"
                   : "=&r"(rcx_right), "=&r"(r11) : : "rax", "rcx", "rdx", "r11", "cc");
  say("rcx %lu, interrupt flag in r11 %lu", rcx_right, (r11 >> 9) & 1);
}

static volatile int on_alternate;
static char* alternate;
enum { kAlternateSize = 64 * 1024 };
static void where_am_i(int number, siginfo_t* info, void* context) {
  char* here = (char*)__builtin_frame_address(0);
  on_alternate = here > alternate && here <= alternate + kAlternateSize;
  stack_t now;
  sigaltstack(NULL, &now);
  say("flags inside %d", now.ss_flags);
  stack_t off = {.ss_flags = SS_DISABLE};
  VALUE(sigaltstack(&off, NULL));
}

TEST(sigaltstack_is_used_and_left) {
  alternate = mmap(NULL, kAlternateSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = {.ss_sp = alternate, .ss_size = kAlternateSize}, old;
  VALUE(sigaltstack(&stack, &old));
  say("flags before %d", old.ss_flags);
  handle(SIGUSR1, where_am_i, SA_ONSTACK);
  raise(SIGUSR1);
  say("on it %d", on_alternate);
  NEED(sigaltstack(NULL, &old) == 0);
  say("flags after %d", old.ss_flags);
  stack.ss_size = 100;
  VALUE(sigaltstack(&stack, NULL));
  stack.ss_flags = 77;
  VALUE(sigaltstack(&stack, NULL));
  stack = (stack_t){.ss_flags = SS_DISABLE};
  VALUE(sigaltstack(&stack, NULL));
  munmap(alternate, kAlternateSize);
  signal(SIGUSR1, SIG_DFL);
}

static sigjmp_buf overflow_return;
static struct fault overflow;
static void on_overflow(int number, siginfo_t* info, void* context) {
  overflow.signal = number;
  overflow.code = info->si_code;
  siglongjmp(overflow_return, 1);
}
static volatile int bottomless = 1;
__attribute__((noinline)) static int recurse(int level) {
  volatile char block[512];
  block[0] = (char)level;
  return bottomless ? recurse(level + 1) + block[0] : 0;
}
static void* overflow_thread(void* unused) {
  char* place = mmap(NULL, kAlternateSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = {.ss_sp = place, .ss_size = kAlternateSize}, off = {.ss_flags = SS_DISABLE};
  NEED(sigaltstack(&stack, NULL) == 0);
  long caught = 0;
  for (volatile int i = 0; i < 5; ++i) {
    if (sigsetjmp(overflow_return, 1) == 0) recurse(0); else ++caught;
  }
  sigaltstack(&off, NULL);
  munmap(place, kAlternateSize);
  return (void*)caught;
}

TEST(stack_overflow_into_the_guard_page) {
  handle(SIGSEGV, on_overflow, SA_ONSTACK);
  long caught = (long)join_thread(start_thread(overflow_thread, NULL));
  say("caught %ld, %s", caught, fault_name(overflow));
  signal(SIGSEGV, SIG_DFL);
}

static volatile int numerator = 7;
static void divide(void* zero) { numerator = numerator / *(volatile int*)zero; }
static void illegal(void* unused) { __asm__ volatile("ud2"); }
static void breakpoint(void* unused) { __asm__ volatile("int3"); }
static void overflow_divide(void* unused) {
  volatile int most = INT32_MIN, minus = -1;
  most = most / minus;
}
TEST(arithmetic_illegal_and_breakpoint) {
  int zero = 0;
  struct fault f = catch_fault(divide, &zero);
  say("divide: signal %d, code %d, address is rip %d, trap %ld", f.signal, f.code, f.address == f.instruction, f.trap);
  f = catch_fault(overflow_divide, NULL);
  say("overflow: signal %d, code %d, trap %ld", f.signal, f.code, f.trap);
  f = catch_fault(illegal, NULL);
  say("ud2: signal %d, code %d, address is rip %d, trap %ld", f.signal, f.code, f.address == f.instruction, f.trap);
  f = catch_fault(breakpoint, NULL);
  say("int3: signal %d, code %d, trap %ld", f.signal, f.code, f.trap);
}

static volatile int nested;
static void nested_fault(int number, siginfo_t* info, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  if (++nested < 5) VALUE(load_or_fail((long*)16));
  r[REG_RIP] = (greg_t)load_failed;
}
TEST(faults_nest_with_sa_nodefer) {
  handle(SIGSEGV, nested_fault, SA_NODEFER);
  nested = 0;
  VALUE(load_or_fail((long*)8));
  VALUE(nested);
  signal(SIGSEGV, SIG_DFL);
}
