// SPDX-License-Identifier: Apache-2.0
//
// Watches the clocks while somebody outside stops the machine. For each line of input it says the wall clock and the
// monotonic one, in nanoseconds; at the end of the input, what it saw meanwhile.

#include "check.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

const char* check_prefix;
static volatile int ended;
static long steps_back, early_wakes;

static long long read_clock(int clock, int by_call) {
  struct timespec time;
  if (by_call) syscall(SYS_clock_gettime, clock, &time);
  else clock_gettime(clock, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void* watch(void* unused) {
  long long last = 0;
  while (!ended) {
    for (int i = 0; i < 100; ++i) {
      const long long time = read_clock(CLOCK_MONOTONIC, i & 1);
      if (time < last) __atomic_fetch_add(&steps_back, 1, __ATOMIC_RELAXED);
      last = time;
    }
    const struct timespec nap = {0, 3000000};
    const long long before = read_clock(CLOCK_MONOTONIC, 0);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    if (read_clock(CLOCK_MONOTONIC, 0) < before + nap.tv_nsec) __atomic_fetch_add(&early_wakes, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, watch, NULL);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) say("%lld %lld", read_clock(CLOCK_REALTIME, 0), read_clock(CLOCK_MONOTONIC, 0));
  ended = 1;
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  say("steps back: %ld, early wakes: %ld", steps_back, early_wakes);
  return 0;
}
