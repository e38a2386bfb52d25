// SPDX-License-Identifier: Apache-2.0
//
// The first instruction of an application says so, and that is all: no C library, which would add its
// own start to the kernel's. Then it sleeps a little, so that the harness finds QEMU's clock still there.
static long call(long number, long first, const void* second, long third) {
  long result;
  // SAFETY: the kernel's calling convention; it changes rcx and r11 besides the result.
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second), "d"(third)
                   : "rcx", "r11", "memory");
  return result;
}

void _start(void) {
  enum { kWrite = 1, kNanosleep = 35, kExitGroup = 231 };
  static const long kPause[2] = {0, 100000000};
  call(kWrite, 1, "first\n", 6);
  call(kNanosleep, (long)kPause, 0, 0);
  call(kExitGroup, 0, 0, 0);
  __builtin_unreachable();
}
