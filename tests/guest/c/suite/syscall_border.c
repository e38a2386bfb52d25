// SPDX-License-Identifier: Apache-2.0
//
// What the application sees at the border of a system call: registers and flags come back as they were, and a
// signal, whenever it comes, never shows an instruction that is not the application's.

#include "suite.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// getppid with given arithmetic flags; returns the flags that come back.
static uint64_t flags_after_call(uint64_t flags) {
  long result = SYS_getppid;
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\t"  // the red zone
      "pushfq\n\t"
      "andq $~0xcd5, (%%rsp)\n\t"
      "orq %1, (%%rsp)\n\t"
      "popfq\n\t"
      "syscall\n\t"
      "pushfq\n\t"
      "popq %1\n\t"
      "cld\n\t"
      "leaq 128(%%rsp), %%rsp"
      : "+a"(result), "+r"(flags)
      :
      : "rcx", "r11", "memory", "cc");
  return flags & 0xcd5;
}

TEST(syscall_keeps_the_arithmetic_flags) {
  static const uint64_t bits[] = {0x1, 0x4, 0x10, 0x40, 0x80, 0x400, 0x800};
  int wrong = 0;
  for (int set = 0; set < 128; ++set) {
    uint64_t flags = 0;
    for (int i = 0; i < 7; ++i) flags |= (set >> i & 1) ? bits[i] : 0;
    if (flags_after_call(flags) != flags) ++wrong;
  }
  VALUE(wrong);
}

TEST(syscall_leaves_return_address_and_flags_in_rcx_and_r11) {
  uint64_t rcx = 0, r11 = 0, after = 0;
  long result = SYS_getppid;
  __asm__ volatile("syscall\n1: leaq 1b(%%rip), %0" : "=&r"(after), "+a"(result), "=&c"(rcx) : : "r11", "memory");
  result = SYS_getppid;
  __asm__ volatile("syscall\n\tmovq %%r11, %1" : "+a"(result), "=&r"(r11) : : "rcx", "r11", "memory");
  TRUTH(rcx == after);
  TRUTH((r11 & 0x202) == 0x202);
}

TEST(numbers_that_are_no_call) {
  static const long numbers[] = {600, 511, 512, 513, 4096, 1L << 31, -1, (-1UL) >> 1};
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(numbers[i]) : "rcx", "r11", "memory");
    VALUE(result);
  }
  long result = 1L << 32 | SYS_getpid;  // the lower half counts
  __asm__ volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
  TRUTH(result == getpid());
}

enum { kWorkers = 2, kSignals = 4000 };
static volatile int stop;
static volatile long strange_addresses, strange_registers;
static volatile long handled;

static void look(int number, siginfo_t* information, void* context) {
  (void)number, (void)information;
  const greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  const uint64_t rip = (uint64_t)registers[REG_RIP], rsp = (uint64_t)registers[REG_RSP];
  if (rip >> 47 != 0 || rip < 0x1000 || rsp >> 47 != 0) __atomic_add_fetch(&strange_addresses, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

// Calls in a row with a pattern in every register that a call preserves.
static void* call_and_compare(void* unused) {
  (void)unused;
  while (!stop) {
    long result = SYS_getppid;
    uint64_t wrong = 0;
    register uint64_t r8 __asm__("r8") = 0x8888, r9 __asm__("r9") = 0x9999, r10 __asm__("r10") = 0x1010;
    __asm__ volatile(
        "movq $0x1212, %%r12\n\t movq $0x1313, %%r13\n\t movq $0x1414, %%r14\n\t movq $0x1515, %%r15\n\t"
        "movq $0xbbbb, %%rbx\n\t movq $0xd1d1, %%rdi\n\t movq $0x5151, %%rsi\n\t movq $0xdddd, %%rdx\n\t"
        "stc\n\t"
        "syscall\n\t"
        "setnc %b1\n\t"
        "xorq $0x1212, %%r12\n\t xorq $0x1313, %%r13\n\t xorq $0x1414, %%r14\n\t xorq $0x1515, %%r15\n\t"
        "xorq $0xbbbb, %%rbx\n\t xorq $0xd1d1, %%rdi\n\t xorq $0x5151, %%rsi\n\t xorq $0xdddd, %%rdx\n\t"
        "orq %%r12, %1\n\t orq %%r13, %1\n\t orq %%r14, %1\n\t orq %%r15, %1\n\t"
        "orq %%rbx, %1\n\t orq %%rdi, %1\n\t orq %%rsi, %1\n\t orq %%rdx, %1"
        : "+a"(result), "+&r"(wrong), "+r"(r8), "+r"(r9), "+r"(r10)
        :
        : "rcx", "r11", "r12", "r13", "r14", "r15", "rbx", "rdi", "rsi", "rdx", "memory", "cc");
    wrong |= (r8 ^ 0x8888) | (r9 ^ 0x9999) | (r10 ^ 0x1010);
    if (wrong != 0) __atomic_add_fetch(&strange_registers, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

TEST(signals_in_a_storm_of_calls) {
  struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
  NEED(sigaction(SIGUSR1, &action, NULL) == 0);
  pthread_t workers[kWorkers];
  stop = 0;
  for (int i = 0; i < kWorkers; ++i) NEED(pthread_create(&workers[i], NULL, call_and_compare, NULL) == 0);
  // Timer interrupts, too, at moments that have nothing to do with what the workers do.
  for (int sent = 0; sent < kSignals; ++sent) {
    pthread_kill(workers[sent % kWorkers], SIGUSR1);
    if (sent % 16 == 0) nanosleep(&(struct timespec){0, 37000}, NULL);
  }
  stop = 1;
  for (int i = 0; i < kWorkers; ++i) pthread_join(workers[i], NULL);
  signal(SIGUSR1, SIG_DFL);
  TRUTH(handled > 0);
  VALUE(strange_addresses);
  VALUE(strange_registers);
}

// Each thread computes, faults and waits: all the ways by which another thread comes to run on a processor.
static void* look_at_ss(void* argument) {
  long* empty = argument;
  const long page = sysconf(_SC_PAGESIZE);
  for (int round = 0; round < 200; ++round) {
    char* memory = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) break;
    memory[0] = 1;
    for (int look = 0; look < 2000; ++look) {
      unsigned ss = 0;
      __asm__ volatile("movl %%ss, %0" : "=r"(ss));
      *empty += ss == 0;
    }
    munmap(memory, (size_t)page);
    sched_yield();
  }
  return NULL;
}

TEST(the_stack_segment_is_never_empty) {
  enum { kThreads = 4 };
  pthread_t threads[kThreads];
  long empty[kThreads] = {0};
  for (int i = 0; i < kThreads; ++i) NEED(pthread_create(&threads[i], NULL, look_at_ss, &empty[i]) == 0);
  long sum = 0;
  for (int i = 0; i < kThreads; ++i) {
    pthread_join(threads[i], NULL);
    sum += empty[i];
  }
  VALUE(sum);
}
