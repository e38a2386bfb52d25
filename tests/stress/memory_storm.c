// SPDX-License-Identifier: Apache-2.0
//
// memory_storm SECONDS: on every CPU threads map, protect, split and unmap ranges while others fault on
// them, and shootdowns cross in all directions. Every word that a thread has written it finds again;
// every page that came fresh is zero; no access to a protected page goes through.

#include "check.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

enum { kPage = 4096, kArena = 256 * kPage };

const char* check_prefix;
static volatile int stop;
static volatile long errors, faults;
static char* volatile shared;  // readers race with its owner's unmapping: faults are expected

static __thread sigjmp_buf escape;
static __thread volatile int may_fault;

static void on_fault(int number, siginfo_t* info, void* context) {
  if (!may_fault) _exit(90);
  siglongjmp(escape, 1);
}

static uint64_t next_random(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void wrong(const char* what) {
  if (__atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED) < 10) say("WRONG: %s", what);
}

static int faults_on(volatile char* p, int writes) {
  may_fault = 1;
  int faulted = 1;
  if (sigsetjmp(escape, 1) == 0) {
    if (writes) *p = 1; else (void)*p;
    faulted = 0;
  }
  may_fault = 0;
  return faulted;
}

static void* storm(void* seed) {
  uint64_t random = (uintptr_t)seed * 0x9e3779b97f4a7c15 + 1;
  char* arena = mmap(NULL, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  unsigned char marks[256] = {0}, access[256] = {0};  // 0 none, 1 read-only, 2 read-write
  long rounds = 0;
  for (; !stop; ++rounds) {
    unsigned first = next_random(&random) % 256, count = 1 + next_random(&random) % 16;
    if (first + count > 256) count = 256 - first;
    char* p = arena + first * kPage;
    switch (next_random(&random) % 7) {
      case 0:
      case 1:  // commit
        if (mmap(p, count * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p) wrong("mmap");
        memset(marks + first, 0, count);
        memset(access + first, 2, count);
        break;
      case 2:  // uncommit
        if (mmap(p, count * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != p) wrong("mmap none");
        memset(access + first, 0, count);
        memset(marks + first, 0, count);
        break;
      case 3:
        if (madvise(p, count * kPage, MADV_DONTNEED) != 0) wrong("madvise");
        memset(marks + first, 0, count);
        break;
      case 4: {
        int reads = next_random(&random) % 2;
        for (unsigned i = first; i < first + count; ++i) {
          if (access[i] == 0) continue;
          if (mprotect(arena + i * kPage, kPage, reads ? PROT_READ : PROT_READ | PROT_WRITE) != 0) wrong("mprotect");
          access[i] = reads ? 1 : 2;
        }
        break;
      }
      default:  // use
        for (unsigned i = first; i < first + count; ++i) {
          volatile char* at = arena + i * kPage + 8 * (i % 500);
          if (access[i] == 0) {
            if (!faults_on(at, 0)) wrong("reading what is not there");
          } else {
            if (*at != (char)marks[i]) wrong("contents");
            if (access[i] == 1 && !faults_on(at, 1)) wrong("writing what is read-only");
            if (access[i] == 2) *at = (char)(marks[i] = next_random(&random));
          }
        }
    }
  }
  munmap(arena, kArena);
  return (void*)rounds;
}

// Maps and unmaps one range that all readers look at.
static void* owner(void* unused) {
  long rounds = 0;
  for (; !stop; ++rounds) {
    char* p = mmap(NULL, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 8; ++i) p[i * kPage] = 'o';
    shared = p;
    for (volatile int i = 0; i < 2000; ++i) {
    }
    munmap(p, 8 * kPage);
  }
  return (void*)rounds;
}

static void* reader(void* unused) {
  long rounds = 0;
  for (; !stop; ++rounds) {
    char* p = shared;
    if (p != NULL && faults_on(p + rounds % 8 * kPage, 0)) __atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
  }
  return (void*)rounds;
}

int main(int count, char** arguments) {
  int seconds = count > 1 ? atoi(arguments[1]) : 5;
  long cpus = sysconf(_SC_NPROCESSORS_ONLN), storms = 0, owned = 0, reads = 0;
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  pthread_t threads[3][64];
  long each = cpus + 1 < 64 ? cpus + 1 : 64;
  for (long i = 0; i < each; ++i) {
    pthread_create(&threads[0][i], NULL, storm, (void*)(i + 1));
    pthread_create(&threads[1][i], NULL, i == 0 ? owner : reader, NULL);
  }
  sleep(seconds);
  stop = 1;
  for (long i = 0; i < each; ++i) {
    void* rounds;
    pthread_join(threads[0][i], &rounds);
    storms += (long)rounds;
    pthread_join(threads[1][i], &rounds);
    *(i == 0 ? &owned : &reads) += (long)rounds;
  }
  say("%ld rounds of storm, %ld mappings, %ld reads of which %ld faulted, %ld errors", storms, owned, reads, faults, errors);
  say(errors == 0 && storms > 100 ? "ok" : "failed");
  return errors != 0;
}
