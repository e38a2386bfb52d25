// SPDX-License-Identifier: Apache-2.0
//
// Signals: actions, masks, pending sets, queues, what siginfo says, and which calls are interrupted.

#include "suite.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

static volatile int calls, last_signal, last_code, last_value;
static volatile pid_t last_sender;

static void on_signal(int number, siginfo_t* info, void* context) {
  ++calls;
  last_signal = number;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
  last_sender = info->si_pid;
}

static void handle(int number, int flags) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
  NEED(sigaction(number, &action, NULL) == 0);
  calls = last_signal = last_code = last_value = 0;
}

static void restore(int number) { signal(number, SIG_DFL); }

static sigset_t only(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return set;
}

static int is_blocked(int number) {
  sigset_t set;
  sigprocmask(SIG_BLOCK, NULL, &set);
  return sigismember(&set, number);
}

TEST(sigaction_query_and_errors) {
  struct sigaction old;
  handle(SIGUSR1, SA_RESTART | SA_NODEFER);
  NEED(sigaction(SIGUSR1, NULL, &old) == 0);
  TRUTH(old.sa_sigaction == on_signal);
  say("flags %#x", (unsigned)old.sa_flags & ~0x04000000u);  // without SA_RESTORER
  restore(SIGUSR1);
  NEED(sigaction(SIGUSR1, NULL, &old) == 0);
  TRUTH(old.sa_handler == SIG_DFL);
  VALUE(sigaction(SIGKILL, &old, NULL));
  VALUE(sigaction(SIGKILL, NULL, &old));
  VALUE(sigaction(65, NULL, &old));
  VALUE(sigaction(0, NULL, &old));
  VALUE(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
  VALUE(syscall(SYS_rt_sigaction, SIGUSR1, (void*)8, NULL, 8));
}

TEST(raise_kill_tgkill_sigqueue_siginfo) {
  handle(SIGUSR1, 0);
  raise(SIGUSR1);
  say("raise: calls %d, code %d, own %d", calls, last_code, last_sender == getpid());
  kill(getpid(), SIGUSR1);
  say("kill: calls %d, code %d, own %d", calls, last_code, last_sender == getpid());
  VALUE(syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGUSR1));
  say("tgkill: calls %d, code %d", calls, last_code);
  union sigval value = {.sival_int = 4711};
  VALUE(sigqueue(getpid(), SIGUSR1, value));
  say("sigqueue: calls %d, code %d, value %d", calls, last_code, last_value);
  VALUE(kill(getpid(), 0));
  VALUE(kill(getpid(), 65));
  VALUE(kill(2000000, 0));
  VALUE(syscall(SYS_tgkill, getpid(), 2000000, SIGUSR1));
  VALUE(syscall(SYS_tgkill, getpid(), -1, SIGUSR1));
  VALUE(syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), 0));
  restore(SIGUSR1);
}

TEST(mask_blocks_and_pending_says_so) {
  handle(SIGUSR1, 0);
  sigset_t set = only(SIGUSR1), pending, old;
  VALUE(sigprocmask(SIG_BLOCK, &set, &old));
  raise(SIGUSR1);
  raise(SIGUSR1);
  NEED(sigpending(&pending) == 0);
  say("calls %d, pending %d", calls, sigismember(&pending, SIGUSR1));
  VALUE(sigprocmask(SIG_UNBLOCK, &set, NULL));
  say("calls %d: standard signals do not queue", calls);
  NEED(sigpending(&pending) == 0);
  say("pending %d", sigismember(&pending, SIGUSR1));
  VALUE(sigprocmask(99, &set, NULL));
  VALUE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
  VALUE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void*)8, NULL, 8));
  sigfillset(&set);
  NEED(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
  say("KILL blocked %d, STOP blocked %d", is_blocked(SIGKILL), is_blocked(SIGSTOP));
  sigprocmask(SIG_SETMASK, &old, NULL);
  restore(SIGUSR1);
}

static int order[16];
static volatile int order_count;
static void on_ordered(int number, siginfo_t* info, void* context) {
  order[order_count++ & 15] = number * 1000 + info->si_value.sival_int;
}

TEST(realtime_signals_queue_in_order) {
  sigset_t set = only(SIGRTMIN + 2), old;
  sigaddset(&set, SIGRTMIN + 1);
  sigaddset(&set, SIGUSR2);
  struct sigaction action = {.sa_sigaction = on_ordered, .sa_flags = SA_SIGINFO};
  sigfillset(&action.sa_mask);
  sigaction(SIGRTMIN + 1, &action, NULL);
  sigaction(SIGRTMIN + 2, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  sigprocmask(SIG_BLOCK, &set, &old);
  for (int i = 1; i <= 3; ++i) {
    union sigval value = {.sival_int = i};
    sigqueue(getpid(), SIGRTMIN + 2, value);
    sigqueue(getpid(), SIGRTMIN + 1, value);
  }
  raise(SIGUSR2);
  order_count = 0;
  sigprocmask(SIG_SETMASK, &old, NULL);
  for (int i = 0; i < order_count; ++i) {
    say("%d: %s%d value %d", i, order[i] / 1000 == SIGUSR2 ? "USR2 " : "RTMIN+",
        order[i] / 1000 == SIGUSR2 ? 0 : order[i] / 1000 - SIGRTMIN, order[i] / 1000 == SIGUSR2 ? 0 : order[i] % 1000);
  }
  restore(SIGRTMIN + 1);
  restore(SIGRTMIN + 2);
  restore(SIGUSR2);
}

static volatile int blocked_self, blocked_other, depth, deepest, raised;
static void on_mask_probe(int number) {
  blocked_self = is_blocked(SIGUSR1);
  blocked_other = is_blocked(SIGUSR2);
  if (++depth > deepest) deepest = depth;
  if (raised++ < 2) raise(SIGUSR1);
  --depth;
}

TEST(handler_masks) {
  struct sigaction action = {.sa_handler = on_mask_probe};
  sigaddset(&action.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &action, NULL);
  deepest = raised = 0;
  raise(SIGUSR1);
  say("plain: self %d, other %d, depth %d", blocked_self, blocked_other, deepest);
  say("after: self %d, other %d", is_blocked(SIGUSR1), is_blocked(SIGUSR2));
  action.sa_flags = SA_NODEFER;
  sigaction(SIGUSR1, &action, NULL);
  deepest = raised = 0;
  raise(SIGUSR1);
  say("SA_NODEFER: self %d, other %d, depth %d", blocked_self, blocked_other, deepest);
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  struct sigaction now;
  sigaction(SIGUSR1, NULL, &now);
  TRUTH(now.sa_handler == SIG_DFL);
  restore(SIGUSR1);
}

TEST(ignored_signals_vanish) {
  signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  sigset_t set = only(SIGUSR1), pending;
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR1);
  sigpending(&pending);
  handle(SIGUSR1, 0);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  say("calls %d", calls);
  raise(SIGCHLD);  // ignored by default
  raise(SIGURG);
  raise(SIGWINCH);
  raise(SIGCONT);
  restore(SIGUSR1);
}

TEST(sigsuspend_and_sigwait) {
  handle(SIGUSR1, 0);
  sigset_t set = only(SIGUSR1), none, old;
  sigemptyset(&none);
  sigprocmask(SIG_BLOCK, &set, &old);
  raise(SIGUSR1);
  VALUE(sigsuspend(&none));
  say("calls %d, blocked again %d", calls, is_blocked(SIGUSR1));
  raise(SIGUSR1);
  int number = 0;
  VALUE(sigwait(&set, &number));
  say("calls %d, waited %d", calls, number == SIGUSR1);
  struct timespec soon = {0, 5000000};
  siginfo_t info;
  VALUE(sigtimedwait(&set, &info, &soon));
  union sigval value = {.sival_int = 99};
  sigqueue(getpid(), SIGUSR1, value);
  TRUTH(sigtimedwait(&set, &info, &soon) == SIGUSR1);
  say("code %d, value %d", info.si_code, info.si_value.sival_int);
  sigprocmask(SIG_SETMASK, &old, NULL);
  restore(SIGUSR1);
}

static pthread_t target;
static void* poke_later(void* number) {
  sleep_ms(60);
  pthread_kill(target, (int)(long)number);
  return NULL;
}
static void* write_later(void* fd) {
  sleep_ms(150);
  NEED(write((int)(long)fd, "w", 1) == 1);
  return NULL;
}

TEST(blocking_calls_and_eintr) {
  int ends[2];
  char byte;
  NEED(pipe(ends) == 0);
  target = pthread_self();
  handle(SIGUSR1, 0);
  unsigned long thread = start_thread(poke_later, (void*)SIGUSR1);
  VALUE(read(ends[0], &byte, 1));
  join_thread(thread);
  handle(SIGUSR1, SA_RESTART);
  thread = start_thread(poke_later, (void*)SIGUSR1);
  unsigned long writer = start_thread(write_later, (void*)(long)ends[1]);
  VALUE(read(ends[0], &byte, 1));  // restarted, then satisfied
  say("calls %d", calls);
  join_thread(thread);
  join_thread(writer);
  struct pollfd entry = {ends[0], POLLIN, 0};
  thread = start_thread(poke_later, (void*)SIGUSR1);
  VALUE(poll(&entry, 1, 2000));  // never restarted
  join_thread(thread);
  thread = start_thread(poke_later, (void*)SIGUSR1);
  struct timespec time = {2, 0}, left = {0, 0};
  VALUE(nanosleep(&time, &left));
  TRUTH(left.tv_sec == 1 && left.tv_nsec > 0);
  join_thread(thread);
  thread = start_thread(poke_later, (void*)SIGUSR1);
  VALUE(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left));
  join_thread(thread);
  // The signal is ignored: the call goes on as if nothing had come.
  signal(SIGUSR1, SIG_IGN);
  thread = start_thread(poke_later, (void*)SIGUSR1);
  writer = start_thread(write_later, (void*)(long)ends[1]);
  VALUE(read(ends[0], &byte, 1));
  join_thread(thread);
  join_thread(writer);
  restore(SIGUSR1);
  close(ends[0]);
  close(ends[1]);
}

static volatile pid_t handled_by;
static void on_who(int number) { handled_by = (pid_t)syscall(SYS_gettid); }
static volatile int stop;
static void* wait_unblocked(void* out) {
  *(volatile pid_t*)out = (pid_t)syscall(SYS_gettid);
  while (!stop) sleep_ms(2);
  return NULL;
}

TEST(process_signal_goes_to_a_thread_that_lets_it_in) {
  volatile pid_t other = 0;
  stop = 0;
  signal(SIGUSR1, on_who);
  handled_by = 0;
  unsigned long thread = start_thread(wait_unblocked, (void*)&other);
  sigset_t set = only(SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  while (other == 0) sleep_ms(1);
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < 2000 && handled_by == 0; ++i) sleep_ms(1);
  TRUTH(handled_by == other);
  stop = 1;
  join_thread(thread);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  restore(SIGUSR1);
}

TEST(sigpipe) {
  int ends[2];
  NEED(pipe(ends) == 0);
  close(ends[0]);
  handle(SIGPIPE, 0);
  VALUE(write(ends[1], "x", 1));
  say("calls %d, code %d", calls, last_code);
  signal(SIGPIPE, SIG_IGN);
  VALUE(write(ends[1], "x", 1));
  restore(SIGPIPE);
  close(ends[1]);
}
