// SPDX-License-Identifier: Apache-2.0
//
// futex_storm SECONDS: many threads on few locks, with time-outs, requeueing broadcasts and signals that
// interrupt the waits. What the locks guard must stay whole, and nobody may sleep for ever.

#include "check.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

enum { kThreads = 24, kLocks = 3 };

const char* check_prefix;
static volatile int stop;
static volatile long errors;
static volatile int words[kLocks], sequence[kLocks];
static long guarded[kLocks][2];
static volatile long acquired, timed_out, handled, broadcasts;

static long futex(volatile int* word, int operation, int value, const void* timeout, volatile int* second) {
  return syscall(SYS_futex, word, operation, value, timeout, second, FUTEX_BITSET_MATCH_ANY);
}

// 0 free, 1 held, 2 held and waited for.
static int lock(int which, const struct timespec* timeout) {
  int expected = 0;
  if (__atomic_compare_exchange_n(&words[which], &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return 1;
  while (__atomic_exchange_n(&words[which], 2, __ATOMIC_ACQUIRE) != 0) {
    if (futex(&words[which], FUTEX_WAIT_PRIVATE, 2, timeout, NULL) != 0 && errno == ETIMEDOUT) return 0;
  }
  return 1;
}

static void unlock(int which) {
  if (__atomic_exchange_n(&words[which], 0, __ATOMIC_RELEASE) == 2) futex(&words[which], FUTEX_WAKE_PRIVATE, 1, NULL, NULL);
}

static void on_signal(int number) { __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED); }

static void* worker(void* argument) {
  unsigned random = (unsigned)(long)argument * 2654435761u + 1;
  struct timespec soon = {0, 300000};
  while (!stop) {
    random = random * 1103515245 + 12345;
    int which = random >> 16 & 1;
    if (!lock(which, random >> 20 & 1 ? &soon : NULL)) {
      __atomic_add_fetch(&timed_out, 1, __ATOMIC_RELAXED);
      continue;
    }
    if (guarded[which][0] != guarded[which][1]) __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
    guarded[which][0]++;
    if ((random >> 24 & 7) == 0) sched_yield();
    guarded[which][1]++;
    unlock(which);
    __atomic_add_fetch(&acquired, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

// Sleepers wait for a sequence number to change; the broadcaster wakes one and requeues the rest.
static void* sleeper(void* unused) {
  while (!stop) {
    int now = sequence[0];
    futex(&sequence[0], FUTEX_WAIT_PRIVATE, now, &(struct timespec){0, 100000000}, NULL);
  }
  return NULL;
}
static void* broadcaster(void* unused) {
  while (!stop) {
    int now = __atomic_add_fetch(&sequence[0], 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &sequence[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, (void*)(long)INT_MAX, &sequence[1], now);
    futex(&sequence[1], FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL);
    broadcasts++;
    if (broadcasts % 16 == 0) sched_yield();
  }
  return NULL;
}

int main(int count, char** arguments) {
  int seconds = count > 1 ? atoi(arguments[1]) : 5;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  pthread_t threads[kThreads + 6];
  for (long i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, worker, (void*)i);
  for (int i = 0; i < 5; ++i) pthread_create(&threads[kThreads + i], NULL, sleeper, NULL);
  pthread_create(&threads[kThreads + 5], NULL, broadcaster, NULL);
  struct timespec end, now;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += seconds;
  unsigned target = 0;
  do {
    pthread_kill(threads[target++ % (kThreads + 5)], SIGUSR1);
    nanosleep(&(struct timespec){0, 500000}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
  stop = 1;
  for (int i = 0; i < kThreads + 6; ++i) pthread_join(threads[i], NULL);
  long sum = guarded[0][0] + guarded[1][0];
  say("%ld acquired, %ld timed out, %ld broadcasts, %ld signals, %ld errors, sum %s", acquired, timed_out, broadcasts,
      handled, errors, sum == acquired ? "right" : "WRONG");
  int good = errors == 0 && sum == acquired && acquired > 100 && broadcasts > 10 && handled > 10;
  say(good ? "ok" : "failed");
  return !good;
}
