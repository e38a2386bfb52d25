// SPDX-License-Identifier: Apache-2.0
//
// ending HOW: every way in which a process ends, each with its status.

#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

const char* check_prefix;

static void* sleep_for_ever(void* unused) {
  for (;;) pause();
  return NULL;
}
static void* exit_five(void* unused) {
  exit(5);
  return NULL;
}
static void* last_words(void* unused) {
  nanosleep(&(struct timespec){0, 50000000}, NULL);
  say("the last thread speaks");
  return NULL;
}
static void at_exit(void) { say("atexit handler"); }

static void start(void* (*function)(void*)) {
  pthread_t thread;
  NEED(pthread_create(&thread, NULL, function, NULL) == 0);
}

__attribute__((noinline)) static int bottomless(int level) {
  volatile char block[512];
  block[0] = (char)level;
  return bottomless(level + 1) + block[0];
}

static int by_signal(const char* how) {
  static const struct { const char* name; int number; } signals[] = {
      {"hup", SIGHUP}, {"int", SIGINT}, {"quit", SIGQUIT}, {"term", SIGTERM}, {"kill", SIGKILL},
      {"usr1", SIGUSR1}, {"alrm", SIGALRM}, {"pipe", SIGPIPE}, {"xcpu", SIGXCPU}};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; ++i) {
    if (strcmp(how, signals[i].name) == 0) {
      kill(getpid(), signals[i].number);
      sleep(5);
      return 1;
    }
  }
  return 0;
}

int main(int count, char** arguments) {
  const char* how = count > 1 ? arguments[1] : "";
  say("ending by %s", how);
  if (strncmp(how, "exit", 4) == 0) {
    atexit(at_exit);
    exit(atoi(how + 4));
  }
  if (strcmp(how, "raw") == 0) syscall(SYS_exit_group, 0x1234);  // only the low byte counts
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "segv") == 0) *(volatile int*)8 = 1;
  if (strcmp(how, "stack") == 0) return bottomless(count);
  if (strcmp(how, "fpe") == 0) {
    volatile int zero = 0, one = 1;
    one /= zero;
  }
  if (strcmp(how, "ill") == 0) __builtin_trap();
  if (strcmp(how, "trap") == 0) __asm__ volatile("int3");
  if (strcmp(how, "segv-blocked") == 0) {
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    *(volatile int*)8 = 1;
  }
  if (strcmp(how, "segv-ignored") == 0) {
    signal(SIGSEGV, SIG_IGN);
    *(volatile int*)8 = 1;
  }
  if (strcmp(how, "thread-exits") == 0) {
    start(exit_five);
    for (;;) pause();
  }
  if (strcmp(how, "others-running") == 0) {
    for (int i = 0; i < 20; ++i) start(sleep_for_ever);
    return 6;
  }
  if (strcmp(how, "main-first") == 0) {
    start(last_words);
    pthread_exit(NULL);
  }
  by_signal(how);
  return 0;
}
