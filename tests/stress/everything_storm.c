// SPDX-License-Identifier: Apache-2.0
//
// everything_storm SECONDS: files, pipes, epoll, mappings of files, faults, sleeps and thread churn at
// once, with signals against all of it. Each worker checks its own results.

#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

const char* check_prefix;
static volatile int stop;
static volatile long errors, signals;
static char directory[] = "/tmp/storm.XXXXXX";
static __thread sigjmp_buf escape;
static __thread volatile int may_fault;

static void on_signal(int number) { __atomic_add_fetch(&signals, 1, __ATOMIC_RELAXED); }
static void on_fault(int number) {
  if (!may_fault) _exit(90);
  siglongjmp(escape, 1);
}
static void expect(int condition, const char* what) {
  if (!condition && __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED) < 10) say("WRONG: %s (%s)", what, check_errno_name(errno));
}

static void* files(void* id) {
  char a[64], b[64], block[5000], back[5000];
  snprintf(a, sizeof a, "%s/a%ld", directory, (long)id);
  snprintf(b, sizeof b, "%s/b%ld", directory, (long)id);
  long rounds = 0;
  for (; !stop; ++rounds) {
    int fd = open(a, O_RDWR | O_CREAT | O_TRUNC, 0600);
    expect(fd >= 0, "open");
    memset(block, (int)rounds, sizeof block);
    expect(write(fd, block, sizeof block) == sizeof block, "write");
    char* p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    expect(p != MAP_FAILED && p[4999] == (char)rounds, "mapping");
    p[100] = 'm';
    expect(rename(a, b) == 0, "rename");
    expect(pread(fd, back, sizeof back, 0) == sizeof back && back[100] == 'm' && back[4999] == (char)rounds, "read");
    expect(unlink(b) == 0, "unlink");
    munmap(p, 8192);
    close(fd);
  }
  return (void*)rounds;
}

static int ends[2];
static void* pipe_writer(void* unused) {
  long sent = 0;
  for (; !stop; ++sent) {
    ssize_t n;
    do n = write(ends[1], &sent, sizeof sent); while (n < 0 && errno == EINTR);
    expect(n == sizeof sent, "pipe write");
  }
  close(ends[1]);
  return (void*)sent;
}
static void* pipe_reader(void* unused) {
  long received = 0, value;
  for (;; ++received) {
    struct pollfd entry = {ends[0], POLLIN, 0};
    if (poll(&entry, 1, 5) <= 0 && !stop) {
      --received;
      continue;
    }
    ssize_t n;
    do n = read(ends[0], &value, sizeof value); while (n < 0 && errno == EINTR);
    if (n == 0) return (void*)received;
    expect(n == sizeof value && value == received, "pipe order");
  }
}

static void* faulting(void* unused) {
  char* p = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  volatile long rounds = 0;
  for (; !stop; ++rounds) {
    volatile int faulted = 0;
    may_fault = 1;
    if (sigsetjmp(escape, 1) == 0) p[rounds * 4096 % (1 << 20)] = 1; else faulted = 1;
    may_fault = 0;
    expect(faulted, "write to read-only memory");
  }
  munmap(p, 1 << 20);
  return (void*)rounds;
}

static void* sleeping(void* unused) {
  long rounds = 0;
  int fd = eventfd(0, EFD_NONBLOCK);
  for (; !stop; ++rounds) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int result = clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 1000000}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    long took = (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec;
    expect(result == EINTR || took >= 1000000, "sleep too short");
    unsigned long one = 1, value = 0;
    expect(write(fd, &one, 8) == 8 && read(fd, &value, 8) == 8 && value == 1, "eventfd");
  }
  close(fd);
  return (void*)rounds;
}

static void* nothing(void* unused) { return unused; }
static void* churning(void* unused) {
  long rounds = 0;
  for (; !stop; ++rounds) {
    pthread_t thread;
    expect(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0, "thread");
  }
  return (void*)rounds;
}

int main(int count, char** arguments) {
  int seconds = count > 1 ? atoi(arguments[1]) : 5;
  if (mkdtemp(directory) == NULL || pipe(ends) != 0) return 1;
  struct sigaction action = {.sa_handler = on_signal}, fault = {.sa_handler = on_fault};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGSEGV, &fault, NULL);
  void* (*const kinds[])(void*) = {files, files, pipe_writer, pipe_reader, faulting, faulting, sleeping, churning};
  enum { kKinds = sizeof kinds / sizeof *kinds };
  pthread_t threads[kKinds];
  for (long i = 0; i < kKinds; ++i) pthread_create(&threads[i], NULL, kinds[i], (void*)i);
  struct timespec end, now;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += seconds;
  unsigned target = 0;
  do {
    pthread_kill(threads[target++ % kKinds], SIGUSR1);
    nanosleep(&(struct timespec){0, 2000000}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec);
  stop = 1;
  long least = 1L << 60, rounds[kKinds];
  for (int i = 0; i < kKinds; ++i) {
    pthread_join(threads[i], (void**)&rounds[i]);
    if (rounds[i] < least) least = rounds[i];
  }
  rmdir(directory);
  say("least rounds %ld, piped %ld of %ld, %ld signals, %ld errors", least, rounds[3], rounds[2], signals, errors);
  int good = errors == 0 && least > 5 && rounds[2] == rounds[3];
  say(good ? "ok" : "failed");
  return !good;
}
