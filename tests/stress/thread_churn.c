// SPDX-License-Identifier: Apache-2.0
//
// thread_churn SECONDS: threads start threads and join them, some detached, some with small stacks, while
// signals go to the process and a timer runs; each thread's own variables are checked.

#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

enum { kStarters = 6 };

const char* check_prefix;
static volatile int stop;
static volatile long started, finished, errors, signals;
static __thread long mine[64];

static void on_signal(int number) { __atomic_add_fetch(&signals, 1, __ATOMIC_RELAXED); }

static void* leaf(void* argument) {
  long id = (long)argument;
  for (int i = 0; i < 64; ++i) {
    if (mine[i] != 0) __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
    mine[i] = id + i;
  }
  char block[2048];
  memset(block, (int)id, sizeof block);
  if (id % 5 == 0) sched_yield();
  for (int i = 0; i < 64; ++i) {
    if (mine[i] != id + i) __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
  }
  if (block[id % sizeof block] != (char)id) __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch(&finished, 1, __ATOMIC_RELEASE);
  return argument;
}

static void* starter(void* argument) {
  pthread_attr_t small, detached;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 * 1024);
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  for (long id = (long)argument * 1000000; !stop; ++id) {
    pthread_t few[4];
    for (int i = 0; i < 4; ++i) {
      int error = pthread_create(&few[i], i == 3 ? &detached : i == 2 ? &small : NULL, leaf, (void*)(id * 4 + i));
      if (error != 0) {
        say("pthread_create: %s", check_errno_name(error));
        _exit(1);
      }
    }
    __atomic_add_fetch(&started, 4, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; ++i) {
      void* value;
      if (pthread_join(few[i], &value) != 0 || value != (void*)(id * 4 + i)) __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
    }
  }
  return NULL;
}

int main(int count, char** arguments) {
  int seconds = count > 1 ? atoi(arguments[1]) : 5;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  struct itimerval timer = {{0, 2000}, {0, 2000}}, none = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &timer, NULL);
  pthread_t threads[kStarters];
  for (long i = 0; i < kStarters; ++i) pthread_create(&threads[i], NULL, starter, (void*)(i + 1));
  struct timespec end, now;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += seconds;
  do {
    kill(getpid(), SIGUSR1);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec);
  stop = 1;
  for (int i = 0; i < kStarters; ++i) pthread_join(threads[i], NULL);
  setitimer(ITIMER_REAL, &none, NULL);
  for (int i = 0; i < 5000 && finished < started; ++i) nanosleep(&(struct timespec){0, 1000000}, NULL);
  say("%ld started, %ld finished, %ld signals, %ld errors", started, finished, signals, errors);
  int good = errors == 0 && started == finished && started > 50 && signals > 10;
  say(good ? "ok" : "failed");
  return !good;
}
