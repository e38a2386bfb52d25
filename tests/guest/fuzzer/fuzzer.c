// SPDX-License-Identifier: Apache-2.0
//
// fuzzer SECONDS SEED: calls the system calls of the kernel's own table with arguments that are likely to
// be wrong, from several threads, then sees whether the machine still works. Only inside the VM: it
// would unlink and truncate what it finds on a host, so it asks for MOKA_FUZZ=1.
//
// The kernel must answer every call; any answer is right. What the fuzzer looks for is a panic, a hang, or
// a process that is no longer whole afterwards.

#include "../c/check.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

enum kind {
  kNothing, kInteger, kFlags, kSize, kOffset, kDescriptor, kPath, kPointer, kBadPointer, kArena, kArenaSize, kSignal
};
struct call {
  int number;
  const char* name;
  unsigned char kinds[6];
};
static const struct call calls[] = {
#include "fuzzer_table.h"
};
enum { kCalls = sizeof calls / sizeof *calls, kThreads = 4, kArenaBytes = 1 << 20, kOutput = 700, kFiller = 701 };

const char* check_prefix;
static char* arena;
static volatile int stop;
static volatile long made[kThreads], failed[kThreads];
// What each thread last asked for, for the report of a hang.
static volatile int doing[kThreads];
static const char* const paths[] = {"a", "b", "d", "d/e", "/", "", ".", "..", "/proc/self/maps", "/proc/self/fd/5", "/dev/null",
                                    "/proc/self/exe", "nothing/here", "a/b", "/sys/kernel", "/proc/meminfo"};

static uint64_t next_random(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static long odd_number(uint64_t r) {
  static const long numbers[] = {0, 1, 2, 3, 4, 7, 8, 16, 24, 64, 100, 128, 0x1000, 0x8000, 0x10000, INT_MAX, INT_MIN,
                                 -1, -2, -100, 1L << 32, LONG_MAX, LONG_MIN, 0xffffffff, 1L << 46};
  return r % 4 == 0 ? 1L << (r >> 8) % 32 : numbers[(r >> 8) % (sizeof numbers / sizeof *numbers)];
}

static long bad_pointer(uint64_t r) {
  static const unsigned long addresses[] = {0, 1, 8, 0x7ffffffff000, 0x800000000000, 0x8000000000000000, 0xffff800000000000,
                                            0xffffc00000001000, 0xffffffff80000000, 0xfffffffffffffff8, 0x7fffffffefff};
  return (long)addresses[r % (sizeof addresses / sizeof *addresses)];
}

static long argument(unsigned kind, uint64_t r) {
  static const int safe_signals[] = {0, SIGUSR1, SIGUSR2, SIGURG, 65, -1, 1000};
  const uint64_t pick = r >> 16;
  switch (kind) {
    case kInteger: case kFlags: return odd_number(r);
    case kSize: return r % 8 == 0 ? (long)(1UL << (40 + pick % 24)) : (long)(pick % 8 == 0 ? pick >> 8 & 0xffff : pick & 0x3ff);
    case kOffset: return r % 8 == 0 ? odd_number(pick) : (long)(pick & 0xffff);
    case kDescriptor: return r % 8 == 0 ? odd_number(pick) < 3 ? -1 : 999 : (long)(3 + pick % 24);
    case kPath: return r % 8 == 0 ? bad_pointer(pick) : (long)paths[pick % (sizeof paths / sizeof *paths)];
    case kPointer: return r % 4 == 0 ? bad_pointer(pick) : (long)arena + (long)(pick % (kArenaBytes / 2));
    case kBadPointer: return bad_pointer(pick);
    // Half the arena is as far as a stretch reaches, so that it ends inside.
    case kArena: return r % 16 == 0 ? bad_pointer(1) : (long)arena + (long)(pick % 128 * 4096) + (r % 32 == 1);
    case kArenaSize: return (long)(pick % 64 * 4096 + (r % 16 == 1 ? 17 : 0));
    case kSignal: return safe_signals[pick % 7];
    default: return 0;
  }
}

static void on_signal(int number) {}

// What worker calls have broken that the workers themselves stand on.
static void mend(uint64_t round) {
  if (round % 64 != 0) return;
  sigset_t none;
  sigemptyset(&none);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
  mmap(arena, kArenaBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  // By a call and not by stores: another worker may take the memory away at any moment.
  if (pread(kFiller, arena, kArenaBytes, 0) < 0) return;
}

static void reopen(void) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) != 0) return;
  eventfd(1, EFD_NONBLOCK);
  epoll_create1(0);
  open("a", O_RDWR | O_CREAT, 0600);
  open(".", O_RDONLY | O_DIRECTORY);
  open("/dev/zero", O_RDWR);
  open("/proc/self/stat", O_RDONLY);
  memfd_create("m", 0);
}

static void* worker(void* argument_) {
  const long id = ((long*)argument_)[0];
  uint64_t random = ((uint64_t*)argument_)[1] * 0x9e3779b97f4a7c15 + id + 1;
  for (uint64_t round = 1; !stop; ++round) {
    if (id == 0) mend(round);
    if (round % 128 == 0) reopen();
    if (round % 1024 == 0) {
      for (int fd = 3; fd < 64; ++fd) close(fd);
    }
    uint64_t r = next_random(&random);
    const struct call* call = &calls[r % kCalls];
    long a[6];
    for (int i = 0; i < 6; ++i) a[i] = argument(call->kinds[i], next_random(&random));
    if (call->number == SYS_prctl && (a[0] == 22 || a[0] == 15)) continue;       // seccomp; own name
    if (call->number == SYS_dup2 || call->number == SYS_dup3) a[1] = 3 + (unsigned long)a[1] % 40;
    if (call->number == SYS_fallocate) a[3] &= 0xffff;                           // memory is finite
    if (call->number == SYS_futex && a[3] == 0) a[3] = 8;                        // no endless wait
    doing[id] = call->number;
    if (syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]) == -1) failed[id]++;
    made[id]++;
  }
  doing[id] = -1;
  return NULL;
}

static void* say_hello(void* text) {
  strcpy(text, "hello");
  return NULL;
}

// What the workers mapped and lost keeps its files, and may fill the memory with them.
static void unmap_files(void) {
  FILE* maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) return;
  char line[512];
  unsigned long begin, end;
  while (fgets(line, sizeof line, maps) != NULL) {
    const char* kept = strstr(line, "/fuzzer");
    if (kept == NULL && strchr(line, '/') != NULL && sscanf(line, "%lx-%lx", &begin, &end) == 2) {
      munmap((void*)begin, end - begin);
    }
  }
  fclose(maps);
}

// NULL where the process is still whole: threads, files, memory, time. Else what is broken.
static const char* broken(void) {
  char text[16] = "", back[16] = "";
  pthread_t thread;
  if (pthread_create(&thread, NULL, say_hello, text) != 0 || pthread_join(thread, NULL) != 0) return "threads";
  int fd = memfd_create("sane", 0);
  if (fd < 0 || write(fd, text, 6) != 6 || pread(fd, back, 6, 0) != 6 || strcmp(back, "hello") != 0) return "files";
  char* p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return "mmap";
  for (int i = 0; i < 1 << 20; ++i) {
    if (p[i] != 0) return "fresh memory";
  }
  memset(p, 1, 1 << 20);
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  while (nanosleep(&(struct timespec){0, 2000000}, NULL) != 0) {
  }
  clock_gettime(CLOCK_MONOTONIC, &b);
  return (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >= 2000000 ? NULL : "time";
}

int main(int count, char** arguments) {
  if (getenv("MOKA_FUZZ") == NULL) {
    fprintf(stderr, "fuzzer: not on a machine that you want to keep; set MOKA_FUZZ=1 inside a VM\n");
    return 2;
  }
  int seconds = count > 1 ? atoi(arguments[1]) : 5;
  uint64_t seed = count > 2 ? strtoull(arguments[2], NULL, 0) : 1;
  struct sigaction action = {.sa_handler = on_signal};
  for (int number = 1; number < 65; ++number) {
    if (number != SIGSEGV && number != SIGBUS && number != SIGILL && number != SIGFPE) sigaction(number, &action, NULL);
  }
  char directory[] = "/tmp/fuzz.XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) != 0 || dup2(1, kOutput) != kOutput) return 1;
  mkdir("d", 0755);
  int filler = memfd_create("filler", 0);
  for (long word = 0; word < kArenaBytes; word += 64) {
    if (pwrite(filler, (long[]){word % 7, -1, word, 1}, 32, word) != 32) return 1;
  }
  if (dup2(filler, kFiller) != kFiller) return 1;
  arena = mmap(NULL, 16 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  arena += 8 << 20;
  mend(0);
  reopen();
  static long start[kThreads][2];
  pthread_t threads[kThreads];
  for (long i = 0; i < kThreads; ++i) {
    start[i][0] = i;
    start[i][1] = (long)seed;
    if (pthread_create(&threads[i], NULL, worker, start[i]) != 0) return 1;
  }
  // Signals wake what has fallen asleep; every worker must have come on by the next look.
  for (int tick = 0; tick < seconds * 100; ++tick) {
    nanosleep(&(struct timespec){0, 10000000}, NULL);
    for (int i = 0; i < kThreads; ++i) pthread_kill(threads[i], SIGUSR1);
  }
  stop = 1;
  int stuck = 0;
  for (int i = 0; i < kThreads; ++i) {
    for (int tries = 0; tries < 500 && doing[i] != -1; ++tries) {
      pthread_kill(threads[i], SIGUSR1);
      nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    stuck += doing[i] != -1;
  }
  dup2(kOutput, 1);
  long all = 0, bad = 0;
  for (int i = 0; i < kThreads; ++i) {
    all += made[i];
    bad += failed[i];
    if (doing[i] != -1) say("thread %d sleeps in call %d", i, doing[i]);
  }
  for (int fd = 3; fd < 64; ++fd) close(fd);
  unmap_files();
  const char* what = all > 1000 ? broken() : "too few calls";
  say("%d kinds of call, %ld made, %ld refused, %d threads asleep", (int)kCalls, all, bad, stuck);
  if (what != NULL) say("broken: %s (%s)", what, check_errno_name(errno));
  say(what == NULL ? "ok" : "failed");
  _exit(what != NULL);
}
