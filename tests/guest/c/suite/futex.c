// SPDX-License-Identifier: Apache-2.0
//
// The futex call by itself: who wakes, who waits how long, every error.

#include "suite.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static long futex(void* word, int operation, long value, const void* timeout, void* second, long value3) {
  return syscall(SYS_futex, word, operation, value, timeout, second, value3);
}

static volatile int word, second_word, waiting, woken;
static int wait_operation;
static long wait_mask;

static void reset(void) { word = second_word = waiting = woken = 0; }

static void* waiter(void* address) {
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  long result = futex(address, wait_operation, 0, NULL, NULL, wait_mask);
  if (result == 0) __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
  return (void*)(result == 0 ? 0L : (long)errno);
}

// Starts count waiters and gives them time to be really asleep.
static void start_waiters(unsigned long* threads, int count, volatile int* address) {
  for (int i = 0; i < count; ++i) threads[i] = start_thread(waiter, (void*)address);
  while (waiting < count) sleep_ms(1);
  sleep_ms(50);
}

static void expect_woken(const char* what, int count) {
  for (int i = 0; i < 1000 && woken < count; ++i) sleep_ms(1);
  sleep_ms(10);
  say("%s: woken %d", what, woken);
}

TEST(futex_wait_and_wake) {
  const int operations[] = {FUTEX_WAIT_PRIVATE, FUTEX_WAIT};
  for (int kind = 0; kind < 2; ++kind) {
    reset();
    wait_operation = operations[kind];
    const int wake = kind ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE;
    unsigned long threads[5];
    start_waiters(threads, 5, &word);
    VALUE(futex((void*)&word, wake, 1, NULL, NULL, 0));
    expect_woken("one", 1);
    VALUE(futex((void*)&word, wake, 2, NULL, NULL, 0));
    expect_woken("two more", 3);
    VALUE(futex((void*)&word, wake, INT_MAX, NULL, NULL, 0));
    expect_woken("all", 5);
    VALUE(futex((void*)&word, wake, INT_MAX, NULL, NULL, 0));
    for (int i = 0; i < 5; ++i) join_thread(threads[i]);
  }
}

TEST(futex_errors) {
  reset();
  word = 1;
  struct timespec bad = {0, 1000000000}, negative = {-1, 0};
  VALUE(futex((void*)&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
  VALUE(futex((char*)&word + 1, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
  VALUE(futex((char*)&word + 1, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  VALUE(futex(NULL, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
  VALUE(futex((void*)0xffff800000000000, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
  VALUE(futex((void*)&word, FUTEX_WAIT_PRIVATE, 1, &bad, NULL, 0));
  VALUE(futex((void*)&word, FUTEX_WAIT_PRIVATE, 1, &negative, NULL, 0));
  VALUE(futex((void*)&word, FUTEX_WAIT_PRIVATE, 1, (void*)8, NULL, 0));
  VALUE(futex((void*)&word, FUTEX_WAIT_BITSET_PRIVATE, 1, NULL, NULL, 0));
  VALUE(futex((void*)&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0));
  VALUE(futex((void*)&word, 99, 1, NULL, NULL, 0));
  VALUE(futex((void*)&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void*)1, (void*)&second_word, 5));
}

static void timed(const char* what, int operation, int clock, int absolute_ms, int relative_ms) {
  struct timespec time;
  if (absolute_ms >= 0) {
    int64_t at = now_ns(clock) + absolute_ms * 1000000LL;
    time = (struct timespec){at / 1000000000, at % 1000000000};
  } else {
    time = (struct timespec){relative_ms / 1000, relative_ms % 1000 * 1000000L};
  }
  int64_t start = now_ns(CLOCK_MONOTONIC);
  long result = futex((void*)&word, operation, 0, &time, NULL, FUTEX_BITSET_MATCH_ANY);
  int64_t took = now_ns(CLOCK_MONOTONIC) - start;
  int wanted = absolute_ms >= 0 ? absolute_ms : relative_ms;
  say("%s: %s, %s", what, result == -1 ? check_errno_name(errno) : "woken",
      took >= wanted * 1000000LL && took < (wanted + 500) * 1000000LL ? "in time" : "AT THE WRONG TIME");
}

TEST(futex_timeouts) {
  reset();
  timed("relative", FUTEX_WAIT_PRIVATE, 0, -1, 30);
  timed("relative, shared", FUTEX_WAIT, 0, -1, 30);
  timed("zero", FUTEX_WAIT_PRIVATE, 0, -1, 0);
  timed("absolute, monotonic", FUTEX_WAIT_BITSET_PRIVATE, CLOCK_MONOTONIC, 30, 0);
  timed("absolute, real time", FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, CLOCK_REALTIME, 30, 0);
  timed("absolute, now", FUTEX_WAIT_BITSET_PRIVATE, CLOCK_MONOTONIC, 0, 0);
  struct timespec past = {1, 0};
  VALUE(futex((void*)&word, FUTEX_WAIT_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &past, NULL, 0));
  VALUE(futex((void*)&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &past, NULL, -1));
  VALUE(futex((void*)&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &past, NULL, -1));
}

TEST(futex_bitsets_choose_waiters) {
  reset();
  wait_operation = FUTEX_WAIT_BITSET_PRIVATE;
  unsigned long threads[4];
  for (int i = 0; i < 4; ++i) {
    wait_mask = i < 2 ? 1 : 2;
    threads[i] = start_thread(waiter, (void*)&word);
    while (waiting <= i) sleep_ms(1);
    sleep_ms(20);
  }
  VALUE(futex((void*)&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 4));
  VALUE(futex((void*)&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 1));
  expect_woken("mask 1", 2);
  VALUE(futex((void*)&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
  expect_woken("plain wake", 4);
  for (int i = 0; i < 4; ++i) join_thread(threads[i]);
}

TEST(futex_requeue) {
  reset();
  wait_operation = FUTEX_WAIT_PRIVATE;
  unsigned long threads[4];
  start_waiters(threads, 4, &word);
  VALUE(futex((void*)&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void*)1, (void*)&second_word, 0));
  expect_woken("one woken, one moved", 1);
  VALUE(futex((void*)&second_word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
  expect_woken("the moved one", 2);
  VALUE(futex((void*)&word, FUTEX_REQUEUE_PRIVATE, 0, (void*)(long)INT_MAX, (void*)&second_word, 0));
  VALUE(futex((void*)&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
  VALUE(futex((void*)&second_word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
  expect_woken("all", 4);
  for (int i = 0; i < 4; ++i) join_thread(threads[i]);
}

TEST(futex_wake_op) {
  reset();
  wait_operation = FUTEX_WAIT_PRIVATE;
  unsigned long threads[1];
  start_waiters(threads, 1, &word);
  second_word = 3;
  // second_word += 4, and its waiters are woken as well if it was 3.
  VALUE(futex((void*)&word, FUTEX_WAKE_OP_PRIVATE, 1, (void*)1, (void*)&second_word,
              FUTEX_OP(FUTEX_OP_ADD, 4, FUTEX_OP_CMP_EQ, 3)));
  say("second word %d", second_word);
  expect_woken("one", 1);
  join_thread(threads[0]);
}

static void do_nothing(int number) {}
TEST(futex_wait_is_interrupted_by_a_handler) {
  reset();
  wait_operation = FUTEX_WAIT_PRIVATE;
  struct sigaction action = {.sa_handler = do_nothing};
  sigaction(SIGUSR1, &action, NULL);
  unsigned long threads[1];
  start_waiters(threads, 1, &word);
  pthread_kill(threads[0], SIGUSR1);
  say("%s", check_errno_name((long)join_thread(threads[0])));
  // With SA_RESTART it goes on waiting.
  reset();
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, NULL);
  start_waiters(threads, 1, &word);
  pthread_kill(threads[0], SIGUSR1);
  sleep_ms(50);
  say("woken %d", woken);
  VALUE(futex((void*)&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  say("%ld", (long)join_thread(threads[0]));
  signal(SIGUSR1, SIG_DFL);
}

TEST(futex_in_shared_memory_meets_through_two_mappings) {
  reset();
  int fd = memfd_create("futex", 0);
  NEED(ftruncate(fd, 4096) == 0);
  volatile int* a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  volatile int* b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  wait_operation = FUTEX_WAIT;
  unsigned long threads[1];
  start_waiters(threads, 1, a);
  VALUE(futex((void*)b, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  VALUE(futex((void*)b, FUTEX_WAKE, 1, NULL, NULL, 0));
  join_thread(threads[0]);
  expect_woken("through the other mapping", 1);
  munmap((void*)a, 4096);
  munmap((void*)b, 4096);
  close(fd);
}

static volatile int ball;
static void* bounce(void* argument) {
  const int mine = (int)(long)argument;
  for (int i = 0; i < 2000; ++i) {
    while (ball != mine) futex((void*)&ball, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
    ball = !mine;
    futex((void*)&ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
  return NULL;
}
TEST(futex_ping_pong) {
  ball = 0;
  unsigned long a = start_thread(bounce, (void*)0), b = start_thread(bounce, (void*)1);
  join_thread(a);
  join_thread(b);
  VALUE(ball);
}
