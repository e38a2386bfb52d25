// SPDX-License-Identifier: Apache-2.0
//
// Runs on the host: the rate of its time-stamp counter in kHz, which is the guest's under TCG. A microvm
// has no clock against which Linux could measure it, so Linux is told (tsc_early_khz, lpj).
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static double nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC_RAW, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(void) {
  const struct timespec pause = {0, 300000000};
  const double start = nanoseconds();
  const unsigned long long first = __rdtsc();
  nanosleep(&pause, NULL);
  const double end = nanoseconds();
  const unsigned long long last = __rdtsc();
  printf("%.0f\n", (double)(last - first) / ((end - start) * 1e-6));
  return 0;
}
