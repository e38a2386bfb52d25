// SPDX-License-Identifier: Apache-2.0
//
// A static program without C library, x87 or vector instructions: what even a hypervisor can run that
// emulates integer instructions only (`make test-kvm`). Built with -nostdlib -mgeneral-regs-only.
#include <asm/unistd.h>
#include <linux/time.h>
#include <linux/time_types.h>

static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

static void say(const char* text) {
  long length = 0;
  while (text[length] != 0) ++length;
  call(__NR_write, 1, (long)text, length);
}

static long long now(void) {
  struct __kernel_timespec time = {0, 0};
  call(__NR_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// Sleeps end by the CPU's timer, and none may end early.
static int sleeps_are_long_enough(void) {
  const long kNanoseconds[] = {1, 1000, 300000, 20000000};
  for (unsigned i = 0; i < sizeof kNanoseconds / sizeof kNanoseconds[0]; ++i) {
    struct __kernel_timespec time = {0, kNanoseconds[i]};
    const long long start = now();
    if (call(__NR_nanosleep, (long)&time, 0, 0) != 0 || now() - start < kNanoseconds[i]) return 0;
  }
  return 1;
}

__attribute__((noreturn, used)) static void start(const long* stack) {
  say("hello without vectors\n");
  say(stack[0] == 3 ? "two arguments\n" : "other arguments\n");
  say(sleeps_are_long_enough() ? "sleeps are long enough\n" : "a sleep FAILED\n");
  for (;;) call(__NR_exit_group, 7, 0, 0);
}

__asm__(
    ".globl _start\n"
    "_start: movq %rsp, %rdi\n"
    "  andq $-16, %rsp\n"
    "  call start\n");
