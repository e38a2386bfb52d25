// SPDX-License-Identifier: Apache-2.0
//
// What happens where something runs out, one thing a run. Those that take a machine's memory run in a VM only; the
// others run on the host first and must say the same.

#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { kPage = 4096, kMiB = 1 << 20 };
const char* check_prefix;

// Memory that is written until the machine has no more: the VM ends and says who held it.
static void touch_all(void) {
  say("begin");
  for (;;) {
    char* p = malloc(kMiB);
    if (p == NULL) break;
    memset(p, 1, kMiB);
  }
  say("malloc returned NULL");
}

// More than there is, in one piece, is refused, and all that was there goes on.
static void too_large(void) {
  say("malloc: %s", malloc(1L << 40) == NULL ? check_errno_name(errno) : "given");
  say("mmap: %s", mmap(NULL, 1L << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? check_errno_name(errno) : "given");
  say("reserved: %s", mmap(NULL, 1L << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED ? check_errno_name(errno) : "given");
  char* p = malloc(kMiB);
  memset(p, 1, kMiB);
  say("small: %d", p[kMiB - 1]);
}

static void* wait_at(void* barrier) {
  pthread_barrier_wait(barrier);
  pthread_barrier_wait(barrier);
  return NULL;
}

// Threads, all alive at once.
static void threads(int count) {
  static pthread_t thread[20000];
  static pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, count + 1);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 32 << 10);
  int started = 0;
  while (started < count && pthread_create(&thread[started], &attributes, wait_at, &barrier) == 0) ++started;
  say("%d threads started", started);
  if (started < count) exit(1);
  pthread_barrier_wait(&barrier);
  say("all run");
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < started; ++i) pthread_join(thread[i], NULL);
  say("all ended");
}

static void* sleep_on(void* lock) {
  pthread_mutex_lock(lock);
  pthread_mutex_unlock(lock);
  return NULL;
}

// Threads until one is refused; then those there are end, and there is room for others.
static void too_many_threads(void) {
  static pthread_t thread[100000];
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  for (int round = 0; round < 2; ++round) {
    pthread_mutex_lock(&lock);
    int count = 0, error = 0;
    while (count < 100000 && (error = pthread_create(&thread[count], &attributes, sleep_on, &lock)) == 0) ++count;
    say("refused with %s after more than 500: %d", check_errno_name(error), count > 500);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < count; ++i) pthread_join(thread[i], NULL);
    say("all ended");
  }
}

// Pages of every other protection cannot merge: each is a mapping of its own.
static void mappings(void) {
  const long pages = 70000;
  char* p = mmap(NULL, pages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  long done = 0;
  int error = 0;
  for (long i = 0; i < pages; i += 2) {
    if (mprotect(p + i * kPage, kPage, PROT_READ | PROT_WRITE) != 0) {
      error = errno;
      break;
    }
    p[i * kPage] = (char)i;
    done = i;
  }
  say("60,000 mappings: %d, then %s", done > 60000, check_errno_name(error));
  say("another: %s", mmap(NULL, kPage, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? check_errno_name(errno) : "given");
  int right = 1;
  for (long i = 0; i <= done; i += 2) right &= p[i * kPage] == (char)i;
  say("contents: %d", right);
  say("unmap: %d", munmap(p, pages * kPage));
  char* small = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say("room again: %d", small != MAP_FAILED && (*small = 1) == 1);
}

static void descriptors(void) {
  struct rlimit limit = {1000, 2000};
  say("limit: %d", setrlimit(RLIMIT_NOFILE, &limit));
  int last = -1, fd;
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) last = fd;
  say("open: %s, last %d", check_errno_name(errno), last);
  int two[2];
  say("pipe: %s", pipe(two) == 0 ? "given" : check_errno_name(errno));
  say("dup: %s", dup(0) >= 0 ? "given" : check_errno_name(errno));
  close(last);
  say("memfd in the last place: %d", memfd_create("x", 0) == last);
  say("file in a full table: %s, left behind: %d", open("/tmp/limits-file", O_CREAT | O_RDWR, 0600) >= 0 ? "given" : check_errno_name(errno),
      access("/tmp/limits-file", F_OK) == 0);
  limit.rlim_cur = 2000;
  say("raised: %d", setrlimit(RLIMIT_NOFILE, &limit));
  say("next: %d", dup(0) == last + 1);
  for (int i = 3; i <= last + 1; ++i) close(i);
  say("first free: %d", dup(0));
}

static char alternative[64 << 10];
static int volatile depth;
static void on_overflow(int signal, siginfo_t* info, void* context) {
  say("overflow after more than 10,000 calls: %d, code %d", depth > 10000, info->si_code);
  _exit(0);
}
static int recurse(int n) {
  char volatile frame[128];
  frame[n % 128] = (char)n;
  depth = n;
  return recurse(n + 1) + frame[(n + 1) % 128];
}
static void* recurse_thread(void* unused) {
  stack_t stack = {.ss_sp = alternative, .ss_size = sizeof alternative};
  sigaltstack(&stack, NULL);
  return (void*)(long)recurse(0);
}
static void recursion(size_t stack_size) {
  struct sigaction action = {.sa_sigaction = on_overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  pthread_create(&thread, &attributes, recurse_thread, NULL);
  pthread_join(thread, NULL);
}

// A file larger than memory: what was read can be dropped and read again.
static void page_cache(const char* path) {
  static char piece[kMiB];
  int fd = open(path, O_RDONLY);
  struct stat status;
  fstat(fd, &status);
  for (int round = 0; round < 2; ++round) {
    long got, all = 0;
    unsigned long sum = 0;
    lseek(fd, 0, SEEK_SET);
    while ((got = read(fd, piece, sizeof piece)) > 0) {
      all += got;
      for (long i = 0; i < got; i += kPage) sum = sum * 31 + (unsigned char)piece[i];
    }
    say("read %ld MiB, %lx", all >> 20, sum);
  }
  const char* map = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  unsigned long sum = 0;
  for (long i = 0; i < status.st_size; i += kPage) sum = sum * 31 + (unsigned char)map[i];
  say("mapped, %lx", sum);
}

int main(int count, char** words) {
  const char* what = count > 1 ? words[1] : "";
  if (strcmp(what, "touch") == 0) touch_all();
  else if (strcmp(what, "large") == 0) too_large();
  else if (strcmp(what, "threads") == 0) threads(atoi(words[2]));
  else if (strcmp(what, "too-many-threads") == 0) too_many_threads();
  else if (strcmp(what, "mappings") == 0) mappings();
  else if (strcmp(what, "descriptors") == 0) descriptors();
  else if (strcmp(what, "recursion") == 0) recursion(512L << 20);
  else if (strcmp(what, "page-cache") == 0) page_cache(words[2]);
  else return 2;
  return 0;
}
