// SPDX-License-Identifier: Apache-2.0
//
// linux-vdso.so.1: clock reading without a system call. Runs as application code, so any register may be
// used but nothing may be relocated: the image is position independent and has no writable data. The
// CPU number is one GS-relative load, since the application runs at CPL 0 with the kernel's GS.
#include "vdso_data.h"

extern const volatile struct vdso_data vvar __attribute__((visibility("hidden")));

struct timespec {
  int64_t tv_sec, tv_nsec;
};
struct timeval {
  int64_t tv_sec, tv_usec;
};
enum { kRealtime = 0, kMonotonic = 1, kRaw = 4, kRealtimeCoarse = 5, kMonotonicCoarse = 6, kBoottime = 7, kTai = 11 };
enum { kSysClockGettime = 228, kSysClockGetres = 229, kSysGettimeofday = 96 };

static long system_call2(long number, long a, long b) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
  return result;
}

// False if the TSC cannot be used.
static int read_clock(int64_t* monotonic, int64_t* wall_base) {
  uint32_t sequence;
  do {
    sequence = __atomic_load_n(&vvar.sequence, __ATOMIC_ACQUIRE);
    if (!vvar.tsc_usable) return 0;
    uint32_t low, high;
    // LFENCE keeps the read from running ahead of earlier loads, so that clocks do not step back between CPUs.
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    const uint64_t ticks = (((uint64_t)high << 32) | low) - vvar.tsc_base;
    *monotonic = vvar.base_nanoseconds + (int64_t)(((unsigned __int128)ticks * vvar.multiplier) >> vvar.shift);
    const int64_t until = *monotonic < vvar.slew_end ? *monotonic : vvar.slew_end;
    const int64_t slewed = until > vvar.slew_begin ? (until - vvar.slew_begin) >> vvar.slew_shift : 0;
    *wall_base = vvar.slew_backwards ? vvar.wall_base - slewed : vvar.wall_base + slewed;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  } while ((sequence & 1) != 0 || __atomic_load_n(&vvar.sequence, __ATOMIC_RELAXED) != sequence);
  return 1;
}

__attribute__((visibility("default"))) int __vdso_clock_gettime(int clock, struct timespec* to) {
  int64_t time, wall_base;
  const int wall = clock == kRealtime || clock == kRealtimeCoarse || clock == kTai;
  const int monotonic = clock == kMonotonic || clock == kRaw || clock == kMonotonicCoarse || clock == kBoottime;
  if ((!wall && !monotonic) || !read_clock(&time, &wall_base)) return (int)system_call2(kSysClockGettime, clock, (long)to);
  if (wall) time += wall_base;
  to->tv_sec = time / 1000000000;
  to->tv_nsec = time % 1000000000;
  return 0;
}

__attribute__((visibility("default"))) int __vdso_gettimeofday(struct timeval* to, void* zone) {
  int64_t time, wall_base;
  if (zone != 0 || !read_clock(&time, &wall_base)) return (int)system_call2(kSysGettimeofday, (long)to, (long)zone);
  if (to != 0) {
    time += wall_base;
    to->tv_sec = time / 1000000000;
    to->tv_usec = time % 1000000000 / 1000;
  }
  return 0;
}

__attribute__((visibility("default"))) int64_t __vdso_time(int64_t* to) {
  struct timespec now;
  __vdso_clock_gettime(kRealtime, &now);
  if (to != 0) *to = now.tv_sec;
  return now.tv_sec;
}

__attribute__((visibility("default"))) int __vdso_clock_getres(int clock, struct timespec* to) {
  const int known = clock == kRealtime || clock == kMonotonic || clock == kRaw || clock == kBoottime || clock == kTai;
  if (!known) return (int)system_call2(kSysClockGetres, clock, (long)to);
  if (to != 0) {
    to->tv_sec = 0;
    to->tv_nsec = 1;
  }
  return 0;
}

__attribute__((visibility("default"))) int __vdso_getcpu(uint32_t* cpu, uint32_t* node, void* unused) {
  (void)unused;
  uint32_t index;
  __asm__ volatile("movl %%gs:40, %0" : "=r"(index));
  if (cpu != 0) *cpu = index;
  if (node != 0) *node = 0;
  return 0;
}

// The names without the prefix are weak aliases, as on Linux.
extern __typeof(__vdso_clock_gettime) clock_gettime __attribute__((weak, alias("__vdso_clock_gettime"), visibility("default")));
extern __typeof(__vdso_gettimeofday) gettimeofday __attribute__((weak, alias("__vdso_gettimeofday"), visibility("default")));
extern __typeof(__vdso_time) time __attribute__((weak, alias("__vdso_time"), visibility("default")));
extern __typeof(__vdso_clock_getres) clock_getres __attribute__((weak, alias("__vdso_clock_getres"), visibility("default")));
extern __typeof(__vdso_getcpu) getcpu __attribute__((weak, alias("__vdso_getcpu"), visibility("default")));
