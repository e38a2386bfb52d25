// SPDX-License-Identifier: Apache-2.0
//
// Threads: creation by clone and clone3, thread-local storage, join, identities, robust mutexes, and the
// pthread synchronisation that stands on futexes.

#include "suite.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static __thread int local = 5;
static __thread char large_local[8192];

static void* use_local(void* argument) {
  int seen = local;
  local = (int)(long)argument;
  for (int i = 0; i < 8192; i += 512) seen += large_local[i];
  memset(large_local, 1, sizeof large_local);
  sched_yield();
  return (void*)(long)(seen * 100 + local);
}

TEST(thread_local_storage) {
  unsigned long threads[8];
  long sum = 0;
  for (long i = 0; i < 8; ++i) threads[i] = start_thread(use_local, (void*)i);
  for (int i = 0; i < 8; ++i) sum += (long)join_thread(threads[i]);
  VALUE(sum);
  VALUE(local);
}

static void* add_one(void* counter) {
  __atomic_add_fetch((int*)counter, 1, __ATOMIC_SEQ_CST);
  return counter;
}

TEST(many_threads_one_after_another) {
  int counter = 0;
  for (int i = 0; i < 500; ++i) join_thread(start_thread(add_one, &counter));
  VALUE(counter);
}

static pthread_barrier_t barrier;
static void* meet(void* counter) {
  __atomic_add_fetch((int*)counter, 1, __ATOMIC_SEQ_CST);
  pthread_barrier_wait(&barrier);
  return NULL;
}

TEST(two_hundred_threads_at_once) {
  static unsigned long threads[200];
  int counter = 0;
  pthread_barrier_init(&barrier, NULL, 201);
  for (int i = 0; i < 200; ++i) threads[i] = start_thread(meet, &counter);
  pthread_barrier_wait(&barrier);
  VALUE(counter);
  for (int i = 0; i < 200; ++i) join_thread(threads[i]);
  pthread_barrier_destroy(&barrier);
}

// A wake of all must leave alone those who were woken and wait again on the same word, or it never ends.
static void* meet_twice(void* counter) {
  pthread_barrier_wait(&barrier);
  __atomic_add_fetch((int*)counter, 1, __ATOMIC_SEQ_CST);
  pthread_barrier_wait(&barrier);
  return NULL;
}

TEST(barrier_of_many_in_two_rounds) {
  static unsigned long threads[300];
  int counter = 0;
  pthread_barrier_init(&barrier, NULL, 301);
  for (int i = 0; i < 300; ++i) threads[i] = start_thread(meet_twice, &counter);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  VALUE(counter);
  for (int i = 0; i < 300; ++i) join_thread(threads[i]);
  pthread_barrier_destroy(&barrier);
}

static pid_t ids[3];
static void* identify(void* unused) {
  ids[0] = getpid();
  ids[1] = (pid_t)syscall(SYS_gettid);
  ids[2] = getppid();
  return NULL;
}
TEST(thread_identities) {
  join_thread(start_thread(identify, NULL));
  TRUTH(ids[0] == getpid());
  TRUTH(ids[1] != getpid());
  TRUTH(ids[2] == getppid());
  TRUTH((pid_t)syscall(SYS_gettid) == getpid());
  // A joined thread's number is gone.
  for (int i = 0; i < 200 && syscall(SYS_tgkill, getpid(), ids[1], 0) == 0; ++i) sleep_ms(1);
  VALUE(syscall(SYS_tgkill, getpid(), ids[1], 0));
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long guarded, tokens;
static void* contend(void* unused) {
  for (int i = 0; i < 5000; ++i) {
    pthread_mutex_lock(&mutex);
    long value = guarded;
    if (i % 512 == 0) sched_yield();
    guarded = value + 1;
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}
TEST(mutex_contention) {
  guarded = 0;
  unsigned long threads[4];
  for (int i = 0; i < 4; ++i) threads[i] = start_thread(contend, NULL);
  for (int i = 0; i < 4; ++i) join_thread(threads[i]);
  VALUE(guarded);
}

static void* consume(void* unused) {
  long taken = 0;
  pthread_mutex_lock(&mutex);
  while (taken < 1000) {
    while (tokens == 0) pthread_cond_wait(&condition, &mutex);
    tokens--;
    taken++;
    pthread_cond_broadcast(&condition);
  }
  pthread_mutex_unlock(&mutex);
  return (void*)taken;
}
TEST(condition_variable_hand_offs) {
  tokens = 0;
  unsigned long a = start_thread(consume, NULL), b = start_thread(consume, NULL);
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < 2000; ++i) {
    while (tokens >= 4) pthread_cond_wait(&condition, &mutex);
    tokens++;
    pthread_cond_broadcast(&condition);
  }
  pthread_mutex_unlock(&mutex);
  say("%ld", (long)join_thread(a) + (long)join_thread(b));
  VALUE(tokens);
}

TEST(condition_variable_timeout) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_nsec += 20000000;
  if (at.tv_nsec >= 1000000000) { at.tv_nsec -= 1000000000; at.tv_sec++; }
  pthread_mutex_lock(&mutex);
  say("%s", check_errno_name(pthread_cond_timedwait(&condition, &mutex, &at)));
  pthread_mutex_unlock(&mutex);
}

static pthread_mutex_t robust;
static void* die_holding(void* unused) {
  pthread_mutex_lock(&robust);
  return NULL;
}
TEST(robust_mutex_owner_dies) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  join_thread(start_thread(die_holding, NULL));
  say("%s", check_errno_name(pthread_mutex_lock(&robust)));
  VALUE(pthread_mutex_consistent(&robust));
  VALUE(pthread_mutex_unlock(&robust));
  VALUE(pthread_mutex_lock(&robust));
  VALUE(pthread_mutex_unlock(&robust));
  pthread_mutex_destroy(&robust);
}

static void* wait_robust(void* unused) { return (void*)(long)pthread_mutex_lock(&robust); }
static volatile int holding;
static void* hold_and_die(void* unused) {
  pthread_mutex_lock(&robust);
  holding = 1;
  sleep_ms(60);
  return NULL;
}
TEST(robust_mutex_wakes_the_waiter) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  holding = 0;
  unsigned long holder = start_thread(hold_and_die, NULL);
  while (!holding) sleep_ms(1);
  unsigned long waiter = start_thread(wait_robust, NULL);
  join_thread(holder);
  say("%s", check_errno_name((long)join_thread(waiter)));
}

TEST(set_robust_list_errors) {
  VALUE(syscall(SYS_set_robust_list, NULL, 1));
  void* head;
  size_t length;
  VALUE(syscall(SYS_get_robust_list, 0, &head, &length));
  VALUE(length);
}

// A thread by the bare system call, without pthread: the stack holds the function to call.
static volatile int raw_ran, raw_child_word;
static char raw_stack[65536] __attribute__((aligned(16)));
static void raw_body(void) {
  raw_ran = 1;
  syscall(SYS_exit, 0);
}
static long raw_clone3(void* arguments, size_t size) {
  long result;
  __asm__ volatile("syscall\ntestq %%rax, %%rax\njnz 1f\nxorl %%ebp, %%ebp\ncall *%%r12\nud2\n1:"
                   : "=a"(result) : "a"(SYS_clone3), "D"(arguments), "S"(size), "r"(0)
                   : "rcx", "r11", "memory");
  return result;
}
TEST(clone3_by_hand) {
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } arguments = {0};
  volatile int parent_word = 0;
  arguments.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                    CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;
  arguments.child_tid = (uint64_t)&raw_child_word;
  arguments.parent_tid = (uint64_t)&parent_word;
  arguments.stack = (uint64_t)raw_stack;
  arguments.stack_size = sizeof raw_stack - 64;
  raw_ran = 0;
  raw_child_word = 77;
  sigset_t all, old;  // no handler may run on that thread: it has no thread pointer of its own
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  register void (*body)(void) __asm__("r12") = raw_body;
  __asm__ volatile("" : "+r"(body));
  long id = raw_clone3(&arguments, sizeof arguments);
  sigprocmask(SIG_SETMASK, &old, NULL);
  NEED(id > 0);
  TRUTH(parent_word == id);
  int value;
  while ((value = raw_child_word) != 0) syscall(SYS_futex, &raw_child_word, FUTEX_WAIT, value, NULL, NULL, 0);
  say("ran %d, word cleared %d", raw_ran, raw_child_word);
  VALUE(syscall(SYS_clone3, &arguments, 8));
  VALUE(syscall(SYS_clone3, NULL, sizeof arguments));
  arguments.flags = CLONE_THREAD;  // without CLONE_SIGHAND and CLONE_VM
  VALUE(syscall(SYS_clone3, &arguments, sizeof arguments));
}

static volatile int yields;
static void* yield_until(void* limit) {
  for (int i = 0; i < (int)(long)limit; ++i) {
    sched_yield();
    __atomic_add_fetch(&yields, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}
TEST(yielding_threads_finish) {
  yields = 0;
  unsigned long threads[8];
  for (int i = 0; i < 8; ++i) threads[i] = start_thread(yield_until, (void*)1000L);
  for (int i = 0; i < 8; ++i) join_thread(threads[i]);
  VALUE(yields);
}

static volatile int spinning = 1;
static void* spin(void* unused) {
  while (spinning) {
  }
  return NULL;
}
TEST(spinning_threads_do_not_starve_others) {
  spinning = 1;
  unsigned long threads[8];
  for (int i = 0; i < 8; ++i) threads[i] = start_thread(spin, NULL);
  int counter = 0;
  for (int i = 0; i < 20; ++i) join_thread(start_thread(add_one, &counter));
  spinning = 0;
  for (int i = 0; i < 8; ++i) join_thread(threads[i]);
  VALUE(counter);
}

static sem_t semaphore;
static void* post_later(void* unused) {
  sleep_ms(20);
  sem_post(&semaphore);
  return NULL;
}
TEST(semaphores) {
  sem_init(&semaphore, 0, 1);
  VALUE(sem_wait(&semaphore));
  VALUE(sem_trywait(&semaphore));
  unsigned long thread = start_thread(post_later, NULL);
  VALUE(sem_wait(&semaphore));
  join_thread(thread);
  sem_destroy(&semaphore);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_runs;
static void run_once(void) { ++once_runs; }
static void* call_once(void* unused) { return (void*)(long)pthread_once(&once, run_once); }
static pthread_key_t key;
static int destroyed;
static void destroy(void* value) { destroyed += (int)(long)value; }
static void* set_key(void* value) { return (void*)(long)pthread_setspecific(key, value); }
static void* sleep_for_ever(void* unused) {
  while (1) sleep_ms(1000);
  return unused;
}

TEST(once_keys_and_cancellation) {
  unsigned long threads[4];
  for (int i = 0; i < 4; ++i) threads[i] = start_thread(call_once, NULL);
  for (int i = 0; i < 4; ++i) join_thread(threads[i]);
  VALUE(once_runs);
  pthread_key_create(&key, destroy);
  join_thread(start_thread(set_key, (void*)30));
  VALUE(destroyed);
  pthread_key_delete(key);
  pthread_t thread = start_thread(sleep_for_ever, NULL);
  say("cancel %d", pthread_cancel(thread));
  TRUTH(join_thread(thread) == PTHREAD_CANCELED);
}
