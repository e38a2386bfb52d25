// SPDX-License-Identifier: Apache-2.0
//
// Sets the date, and asks for it by system call and through the vDSO. Not for the host, whose date it is.

#include <errno.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"

const char* check_prefix;

static int shows(long long seconds, const struct timespec* time) { return time->tv_sec >= seconds && time->tv_sec < seconds + 30; }

static void show(long long seconds) {
  struct timespec called, mapped;
  struct timeval day;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &called);
  clock_gettime(CLOCK_REALTIME, &mapped);
  gettimeofday(&day, NULL);
  say("by system call %d, by vDSO %d, time() %d, gettimeofday() %d", shows(seconds, &called), shows(seconds, &mapped),
      time(NULL) >= seconds && time(NULL) < seconds + 30, day.tv_sec >= seconds && day.tv_sec < seconds + 30);
}

int main(void) {
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  const struct timespec future = {4000000000, 0};
  say("clock_settime: %d", clock_settime(CLOCK_REALTIME, &future));
  show(4000000000);
  const struct timeval past = {1000000000, 0};
  say("settimeofday: %d", settimeofday(&past, NULL));
  show(1000000000);
  // Linux's limit: KTIME_SEC_MAX less thirty years.
  const struct timeval latest = {9223372036 - 30LL * 365 * 24 * 3600, 0};
  int result = settimeofday(&latest, NULL);
  say("beyond what can be counted: %d, EINVAL %d", result, errno == EINVAL);
  const struct timespec first = {0, 0};
  errno = 0;
  result = clock_settime(CLOCK_REALTIME, &first);
  say("before the machine started: %d, EINVAL %d", result, errno == EINVAL);
  show(1000000000);
  clock_gettime(CLOCK_MONOTONIC, &after);
  say("the monotonic clock went on %d", after.tv_sec - before.tv_sec < 30 && after.tv_sec >= before.tv_sec);
  return 0;
}
