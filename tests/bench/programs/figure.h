// SPDX-License-Identifier: Apache-2.0
//
// How a benchmark program measures and says what it measured. A figure is the median over a few
// batches, so that one tick of the host's scheduler does not decide it; the harness then takes the
// median over boots.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static inline int compare_doubles(const void* left, const void* right) {
  const double a = *(const double*)left, b = *(const double*)right;
  return (a > b) - (a < b);
}

// Sorts `values`.
static inline double median(double* values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare_doubles);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

// One line for the harness: seconds per operation.
static inline void say_figure(const char* name, double seconds) {
  printf("figure %s %.10f\n", name, seconds);
  fflush(stdout);
}

static inline void require(int is_true, const char* what) {
  if (is_true) return;
  perror(what);
  exit(1);
}
