// SPDX-License-Identifier: Apache-2.0
//
// Clocks, sleeping, interval and POSIX timers, CPU time.

#include "suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

TEST(clocks_run_forward_and_agree) {
  const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME};
  for (int i = 0; i < 4; ++i) {
    struct timespec time;
    int backward = 0;
    int64_t last = 0;
    for (int n = 0; n < 20000; ++n) {
      int64_t now = now_ns(clocks[i]);
      backward += now < last;
      last = now;
    }
    NEED(syscall(SYS_clock_gettime, clocks[i], &time) == 0);
    int64_t through_call = time.tv_sec * 1000000000LL + time.tv_nsec;
    say("clock %d: backward %d, call agrees %d", clocks[i], backward,
        through_call >= last && through_call - last < 100000000);
  }
  TRUTH(labs(time(NULL) - now_ns(CLOCK_REALTIME) / 1000000000) <= 1);
  struct timeval day;
  NEED(gettimeofday(&day, NULL) == 0);
  TRUTH(labs(day.tv_sec - time(NULL)) <= 1 && day.tv_usec < 1000000);
  TRUTH(time(NULL) > 1700000000);
  const int coarse[] = {CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE};
  for (int i = 0; i < 2; ++i) {
    int64_t difference = now_ns(coarse[i] - 5) - now_ns(coarse[i]);
    TRUTH(difference > -20000000 && difference < 100000000);
  }
}

TEST(clock_errors_and_resolution) {
  struct timespec time;
  VALUE(clock_gettime(999, &time));
  VALUE(clock_getres(999, &time));
  VALUE(clock_getres(CLOCK_MONOTONIC, NULL));
  VALUE(clock_getres(CLOCK_MONOTONIC, &time));
  say("resolution %ld.%09ld", (long)time.tv_sec, time.tv_nsec);
  VALUE(clock_getres(CLOCK_THREAD_CPUTIME_ID, &time));
  VALUE(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (void*)8));
  VALUE(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &time));
}

static void* burn(void* milliseconds) {
  int64_t end = now_ns(CLOCK_THREAD_CPUTIME_ID) + (long)milliseconds * 1000000L;
  while (now_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
  return NULL;
}

TEST(cpu_time_clocks) {
  int64_t process = now_ns(CLOCK_PROCESS_CPUTIME_ID), thread = now_ns(CLOCK_THREAD_CPUTIME_ID);
  sleep_ms(50);
  TRUTH(now_ns(CLOCK_THREAD_CPUTIME_ID) - thread < 40000000);  // sleeping costs none
  burn((void*)30);
  int64_t used = now_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
  TRUTH(used >= 30000000 && used < 2000000000);
  join_thread(start_thread(burn, (void*)400));  // another thread's time is not this one's
  TRUTH(now_ns(CLOCK_THREAD_CPUTIME_ID) - thread < used + 300000000);
  TRUTH(now_ns(CLOCK_PROCESS_CPUTIME_ID) - process >= 60000000);
  clockid_t clock;
  VALUE(pthread_getcpuclockid(pthread_self(), &clock));
  int64_t difference = now_ns(clock) - now_ns(CLOCK_THREAD_CPUTIME_ID);
  TRUTH(difference > -50000000 && difference < 50000000);
  VALUE(clock_getcpuclockid(0, &clock));
  TRUTH(now_ns(clock) > 0);
}

TEST(sleeping) {
  const int milliseconds[] = {1, 5, 20, 50};
  for (int i = 0; i < 4; ++i) {
    int64_t start = now_ns(CLOCK_MONOTONIC);
    sleep_ms(milliseconds[i]);
    int64_t took = now_ns(CLOCK_MONOTONIC) - start;
    say("%d ms: %s", milliseconds[i],
        took >= milliseconds[i] * 1000000L && took < (milliseconds[i] + 500) * 1000000L ? "in time" : "WRONG");
  }
  int64_t at = now_ns(CLOCK_MONOTONIC) + 20000000;
  struct timespec time = {at / 1000000000, at % 1000000000};
  VALUE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
  TRUTH(now_ns(CLOCK_MONOTONIC) >= at);
  VALUE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
  at = now_ns(CLOCK_REALTIME) + 20000000;
  time = (struct timespec){at / 1000000000, at % 1000000000};
  VALUE(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL));
  time = (struct timespec){0, 1000000000};
  VALUE(nanosleep(&time, NULL));
  time = (struct timespec){-1, 0};
  VALUE(nanosleep(&time, NULL));
  VALUE(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL));
  VALUE(clock_nanosleep(999, 0, &time, NULL));
  VALUE(syscall(SYS_nanosleep, (void*)8, NULL));
}

static volatile int alarms;
static volatile int alarm_code, alarm_value;
static void on_alarm(int number, siginfo_t* info, void* context) {
  ++alarms;
  alarm_code = info->si_code;
  alarm_value = info->si_value.sival_int;
}
static void wait_for_alarms(int count) {
  for (int i = 0; i < 3000 && alarms < count; ++i) sleep_ms(1);
}

TEST(interval_timer) {
  struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  alarms = 0;
  // What is left of a time that no machine takes between two calls.
  struct itimerval hour = {{0, 0}, {3600, 0}}, timer = {{0, 0}, {0, 20000}}, old;
  NEED(setitimer(ITIMER_REAL, &hour, NULL) == 0);
  NEED(getitimer(ITIMER_REAL, &old) == 0);
  TRUTH(old.it_value.tv_sec > 0 && old.it_value.tv_sec <= 3600);
  VALUE(setitimer(ITIMER_REAL, &timer, NULL));
  wait_for_alarms(1);
  sleep_ms(50);
  say("one shot: %d, code %#x", alarms, alarm_code);
  timer.it_interval.tv_usec = 5000;
  VALUE(setitimer(ITIMER_REAL, &timer, NULL));
  wait_for_alarms(6);
  memset(&timer, 0, sizeof timer);
  VALUE(setitimer(ITIMER_REAL, &timer, &old));
  TRUTH(alarms >= 6 && old.it_interval.tv_usec == 5000);
  VALUE(alarm(100));
  VALUE(alarm(0));
  VALUE(setitimer(99, &timer, NULL));
  timer.it_value.tv_usec = 1000000;
  VALUE(setitimer(ITIMER_REAL, &timer, NULL));
  signal(SIGALRM, SIG_DFL);
}

TEST(posix_timers) {
  struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGRTMIN + 3, &action, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
  event.sigev_value.sival_int = 77;
  timer_t timer;
  VALUE(timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec time = {{0, 5000000}, {0, 10000000}}, old;
  alarms = 0;
  VALUE(timer_settime(timer, 0, &time, NULL));
  wait_for_alarms(3);
  VALUE(timer_gettime(timer, &old));
  TRUTH(old.it_interval.tv_nsec == 5000000);
  memset(&time, 0, sizeof time);
  VALUE(timer_settime(timer, 0, &time, NULL));
  TRUTH(alarms >= 3);
  say("code %d, value %d", alarm_code, alarm_value);
  TRUTH(timer_getoverrun(timer) >= 0);
  VALUE(timer_delete(timer));
  VALUE(syscall(SYS_timer_delete, 12345));
  signal(SIGRTMIN + 3, SIG_DFL);
}

TEST(resource_usage_and_times) {
  struct rusage self, thread;
  burn((void*)20);
  VALUE(getrusage(RUSAGE_SELF, &self));
  VALUE(getrusage(RUSAGE_THREAD, &thread));
  long self_us = (self.ru_utime.tv_sec + self.ru_stime.tv_sec) * 1000000 + self.ru_utime.tv_usec + self.ru_stime.tv_usec;
  long thread_us = (thread.ru_utime.tv_sec + thread.ru_stime.tv_sec) * 1000000 + thread.ru_utime.tv_usec + thread.ru_stime.tv_usec;
  TRUTH(self_us >= 15000 && thread_us >= 15000 && self_us + 20000 >= thread_us);
  TRUTH(self.ru_maxrss > 100);
  VALUE(getrusage(RUSAGE_CHILDREN, &self));
  VALUE(getrusage(99, &self));
  struct tms t;
  TRUTH(times(&t) > 0);
  TRUTH(t.tms_utime + t.tms_stime >= 1 && t.tms_cutime == 0);
  VALUE(sysconf(_SC_CLK_TCK));
}

// What a thread does in its own code is user time, and what the kernel does for it system time: by samples, so only the
// larger share is certain. A second of each, since sampling may begin a while after the CPU was idle.
static void compute(int64_t until) {
  volatile uint64_t number = 1;
  while (now_ns(CLOCK_THREAD_CPUTIME_ID) < until) {
    for (int i = 0; i < 2000000; ++i) number = number * 6364136223846793005u + 1;
  }
}

static void call_the_kernel(int64_t until) {
  static char buffer[1 << 20];
  const int fd = open("/dev/zero", O_RDONLY);
  while (now_ns(CLOCK_THREAD_CPUTIME_ID) < until) {
    for (int i = 0; i < 20; ++i) NEED(read(fd, buffer, sizeof buffer) == sizeof buffer);
  }
  close(fd);
}

static int64_t micros(struct timeval time) { return time.tv_sec * 1000000 + time.tv_usec; }

TEST(user_and_system_time) {
  struct rusage before, after;
  static void (*const work[])(int64_t) = {compute, call_the_kernel};
  for (int i = 0; i < 2; ++i) {
    getrusage(RUSAGE_THREAD, &before);
    work[i](now_ns(CLOCK_THREAD_CPUTIME_ID) + 1000000000);
    getrusage(RUSAGE_THREAD, &after);
    const int64_t user = micros(after.ru_utime) - micros(before.ru_utime);
    const int64_t system = micros(after.ru_stime) - micros(before.ru_stime);
    say("%s: more user time %d, more system time %d", i == 0 ? "computing" : "calls", user > 2 * system, system > 2 * user);
    say("together a second: %d", user + system > 900000 && user >= 0 && system >= 0);
  }
  struct rusage all;
  getrusage(RUSAGE_SELF, &all);
  struct tms ticks;
  times(&ticks);
  TRUTH(micros(all.ru_utime) > 100000 && micros(all.ru_stime) > 100000);
  TRUTH(ticks.tms_utime > 10 && ticks.tms_stime > 10);
  long user = 0, system = 0;
  char line[1024] = {0};
  const int fd = open("/proc/self/stat", O_RDONLY);
  NEED(read(fd, line, sizeof line - 1) > 0);
  close(fd);
  const char* behind_name = strrchr(line, ')');
  NEED(behind_name && sscanf(behind_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system) == 2);
  TRUTH(user > 10 && system > 10);
}
