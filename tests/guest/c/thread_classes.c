// SPDX-License-Identifier: Apache-2.0
//
// Threads with the names of HotSpot's, on one CPU: in how many rounds a worker of a pause was interrupted by compilers, in
// how many an ordinary thread was; and that the compilers got on meanwhile. tests/system/scheduling.py judges.

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

enum { ROUNDS = 12, COMPILERS = 2, SLEEP_MS = 60, WORK_MS = 12 };

const char* check_prefix;
static atomic_bool ended;
static atomic_ulong compiled;

static long milliseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void sleep_for(long ms) {
  struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&wait, &wait) != 0) {
  }
}

static void* compiler(void* name) {
  prctl(PR_SET_NAME, name);
  while (!ended) compiled++;
  return NULL;
}

// Its rounds: it sleeps while others compute, and then works by its own CPU clock.
static void* worker(void* name) {
  prctl(PR_SET_NAME, name);
  long interrupted = 0;
  for (int round = 0; round < ROUNDS; ++round) {
    sleep_for(SLEEP_MS);
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    const long begin = milliseconds(CLOCK_THREAD_CPUTIME_ID);
    while (milliseconds(CLOCK_THREAD_CPUTIME_ID) - begin < WORK_MS) {
    }
    getrusage(RUSAGE_THREAD, &after);
    interrupted += after.ru_nivcsw != before.ru_nivcsw;
  }
  return (void*)interrupted;
}

static void* periodic(void* name) {
  prctl(PR_SET_NAME, name);
  for (int round = 0; round < 4; ++round) sleep_for(SLEEP_MS);
  return NULL;
}

static long run(void* (*body)(void*), const char* name) {
  pthread_t thread;
  void* result = NULL;
  pthread_create(&thread, NULL, body, (void*)name);
  pthread_join(thread, &result);
  return (long)result;
}

int main(void) {
  pthread_t compilers[COMPILERS];
  for (int i = 0; i < COMPILERS; ++i) pthread_create(&compilers[i], NULL, compiler, "C2 CompilerThre");
  const long pause = run(worker, "GC Thread#0");
  const unsigned long so_far = compiled;
  const long ordinary = run(worker, "worker");
  ended = 1;
  for (int i = 0; i < COMPILERS; ++i) pthread_join(compilers[i], NULL);
  run(periodic, "VM Periodic Tas");
  printf("rounds %d interrupted pause %ld ordinary %ld compiled %d\n", ROUNDS, pause, ordinary, so_far > 0);
  return 0;
}
