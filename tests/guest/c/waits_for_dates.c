// SPDX-License-Identifier: Apache-2.0
//
// Waits for a date, and the date is set meanwhile. Not for the host, whose date it is. Every wait would take a quarter of an
// hour if it did not notice.
#include "check.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

const char* check_prefix;

enum { kLong = 1000 };

static struct timespec from_now(int clock, int seconds) {
  struct timespec time;
  clock_gettime(clock, &time);
  time.tv_sec += seconds;
  return time;
}

static void move_date(int seconds) {
  const struct timespec time = from_now(CLOCK_REALTIME, seconds);
  NEED(clock_settime(CLOCK_REALTIME, &time) == 0);
}

static int make_timer(int clock, int flags, int seconds, int interval) {
  const int fd = timerfd_create(clock, TFD_NONBLOCK);
  struct itimerspec setting = {{interval, 0}, {seconds, 0}};
  if (flags & TFD_TIMER_ABSTIME) setting.it_value = from_now(clock, seconds);
  NEED(timerfd_settime(fd, flags, &setting, NULL) == 0);
  return fd;
}

static int readable(int fd, int milliseconds) {
  struct pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, milliseconds) == 1;
}

static void say_read(const char* what, int fd) {
  uint64_t count = 0;
  const ssize_t got = read(fd, &count, sizeof count);
  if (got < 0) say("%s: %s", what, errno == ECANCELED ? "ECANCELED" : check_errno_name(errno));
  else say("%s: %lu", what, (unsigned long)count);
}

static void timer_files(void) {
  check_prefix = "timerfd";
  const int absolute = make_timer(CLOCK_REALTIME, TFD_TIMER_ABSTIME, kLong, 0);
  const int relative = make_timer(CLOCK_REALTIME, 0, kLong, 0);
  const int monotonic = make_timer(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, kLong, 0);
  const int repeated = make_timer(CLOCK_REALTIME, TFD_TIMER_ABSTIME, kLong, kLong);
  say_read("before", absolute);
  move_date(2 * kLong + kLong / 2);
  say("absolute %d", readable(absolute, -1));
  say_read("absolute", absolute);
  readable(repeated, -1);
  say_read("repeated", repeated);
  say("relative %d, monotonic %d, repeated %d", readable(relative, 0), readable(monotonic, 0), readable(repeated, 0));
  struct itimerspec left;
  timerfd_gettime(relative, &left);
  say("left of the relative one: %d", left.it_value.tv_sec > kLong / 2 && left.it_value.tv_sec <= kLong);
  timerfd_gettime(repeated, &left);
  say("left of the repeated one: %d", left.it_value.tv_sec > 0 && left.it_value.tv_sec <= kLong / 2);
  const int soon = make_timer(CLOCK_REALTIME, TFD_TIMER_ABSTIME, 1, 0);
  move_date(-kLong);
  say("set back: %d", readable(soon, 1500));
  move_date(kLong);
  say("set forward again: %d", readable(soon, -1));
  close(absolute), close(relative), close(monotonic), close(repeated), close(soon);
}

static void cancelled_timer_files(void) {
  check_prefix = "cancelled";
  const int fd = make_timer(CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, kLong, 0);
  const int without = make_timer(CLOCK_REALTIME, TFD_TIMER_ABSTIME, kLong, 0);
  say("before: %d", readable(fd, 0));
  move_date(1);
  say("after: %d, without the flag %d", readable(fd, -1), readable(without, 0));
  say_read("read", fd);
  say_read("again", fd);
  move_date(-1);
  struct itimerspec setting = {{0, 0}, from_now(CLOCK_REALTIME, kLong)};
  const int result = timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &setting, NULL);
  say("set anew without a read: %d, ECANCELED %d", result, errno == ECANCELED);
  say_read("read", fd);
  setting.it_value.tv_sec = 1;
  setting.it_value.tv_nsec = 0;
  say("relative: %d", timerfd_settime(fd, TFD_TIMER_CANCEL_ON_SET, &setting, NULL));
  move_date(1);
  say("relative ones are not cancelled: %d", readable(fd, -1));
  say_read("read", fd);
  close(fd), close(without);
}

static void* sleeper(void* argument) {
  const struct timespec until = from_now(CLOCK_REALTIME, kLong);
  *(volatile int*)argument = (int)syscall(SYS_gettid);
  say("clock_nanosleep: %d", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL));
  return NULL;
}

static void* waiter(void* argument) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  const struct timespec until = from_now(CLOCK_REALTIME, kLong);
  *(volatile int*)argument = (int)syscall(SYS_gettid);
  pthread_mutex_lock(&mutex);
  int result = 0;
  while (result == 0) result = pthread_cond_timedwait(&condition, &mutex, &until);
  pthread_mutex_unlock(&mutex);
  say("pthread_cond_timedwait: %s", check_errno_name(result));
  return NULL;
}

// Until the thread of that number sleeps.
static void wait_for(volatile int* thread) {
  for (char state = 0; state != 'S';) {
    char path[64], text[256] = {0};
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", *thread);
    FILE* file = *thread ? fopen(path, "r") : NULL;
    if (file && fgets(text, sizeof text, file)) sscanf(strrchr(text, ')'), ") %c", &state);
    if (file) fclose(file);
    usleep(1000);
  }
}

static void threads(void) {
  check_prefix = "threads";
  static void* (*const bodies[])(void*) = {sleeper, waiter};
  for (int i = 0; i < 2; ++i) {
    volatile int id = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, bodies[i], (void*)&id);
    wait_for(&id);
    move_date(2 * kLong);
    pthread_join(thread, NULL);
  }
}

static void posix_timers(void) {
  check_prefix = "timer_create";
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  timer_t absolute, relative;
  NEED(timer_create(CLOCK_REALTIME, &event, &absolute) == 0);
  event.sigev_notify = SIGEV_NONE;
  NEED(timer_create(CLOCK_REALTIME, &event, &relative) == 0);
  struct itimerspec setting = {{0, 0}, from_now(CLOCK_REALTIME, kLong)};
  NEED(timer_settime(absolute, TIMER_ABSTIME, &setting, NULL) == 0);
  setting.it_value = (struct timespec){kLong, 0};
  NEED(timer_settime(relative, 0, &setting, NULL) == 0);
  move_date(2 * kLong);
  int number = 0;
  sigwait(&set, &number);
  say("absolute: signal %d", number == SIGUSR1);
  timer_gettime(relative, &setting);
  say("left of the relative one: %d", setting.it_value.tv_sec > kLong / 2 && setting.it_value.tv_sec <= kLong);
}

int main(void) {
  timer_files();
  cancelled_timer_files();
  threads();
  posix_timers();
  return 0;
}
