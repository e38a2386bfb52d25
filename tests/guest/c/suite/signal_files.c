// SPDX-License-Identifier: Apache-2.0
//
// signalfd: signals that are read.

#include "suite.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>

// signalfd as the kernel has it: glibc's own fills in the size of the set.
static int raw_signalfd(int fd, uint64_t mask, size_t size, int flags) {
  return (int)syscall(SYS_signalfd4, fd, &mask, size, flags);
}
static uint64_t bit(int number) { return 1ull << (number - 1); }

static sigset_t blocked_before;
static void block(int first, int second) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, first);
  sigaddset(&set, second);
  pthread_sigmask(SIG_BLOCK, &set, &blocked_before);
}
static void unblock(void) { pthread_sigmask(SIG_SETMASK, &blocked_before, NULL); }

static void show(const char* what, const struct signalfd_siginfo* info) {
  say("%s: signo %u errno %d code %d own pid %d uid %d int %d", what, info->ssi_signo, info->ssi_errno, info->ssi_code,
      info->ssi_pid == (unsigned)getpid(), info->ssi_uid == getuid(), info->ssi_int);
  say("%s: fd %d band %u trap %u status %d utime %d stime %d addr %d lsb %d", what, info->ssi_fd, info->ssi_band,
      info->ssi_trapno, info->ssi_status, info->ssi_utime != 0, info->ssi_stime != 0, info->ssi_addr != 0,
      info->ssi_addr_lsb);
}

TEST(signalfd_arguments) {
  VALUE(raw_signalfd(-1, bit(SIGUSR1), 4, 0));
  VALUE(raw_signalfd(-1, bit(SIGUSR1), 8, 1));
  VALUE(raw_signalfd(-2, bit(SIGUSR1), 8, 0));
  VALUE(raw_signalfd(12345, bit(SIGUSR1), 8, 0));
  VALUE(raw_signalfd(1, bit(SIGUSR1), 8, 0));
  VALUE(syscall(SYS_signalfd4, -1, (void*)8, 8ul, 1));
  VALUE(syscall(SYS_signalfd4, -1, (void*)8, 4ul, 0));
  int fd = raw_signalfd(-1, bit(SIGUSR1), 8, SFD_CLOEXEC | SFD_NONBLOCK);
  NEED(fd >= 0);
  VALUE(fcntl(fd, F_GETFD));
  TRUTH((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  VALUE(fcntl(fd, F_GETFL) & O_ACCMODE);
  struct signalfd_siginfo info;
  VALUE(read(fd, &info, sizeof info));
  VALUE(read(fd, &info, sizeof info - 1));
  VALUE(write(fd, &info, sizeof info));
  VALUE(lseek(fd, 0, SEEK_CUR));
  VALUE(pread(fd, &info, sizeof info, 0));
  TRUTH(raw_signalfd(fd, bit(SIGUSR2), 8, 0) == fd);
  TRUTH((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  char path[64], target[64] = {0};
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  NEED(readlink(path, target, sizeof target - 1) > 0);
  say("%s", target);
  close(fd);
  fd = (int)syscall(SYS_signalfd, -1, &(uint64_t){bit(SIGUSR1)}, 8ul);
  VALUE(fcntl(fd, F_GETFD));
  VALUE(fcntl(fd, F_GETFL) & O_NONBLOCK);
  close(fd);
}

TEST(signalfd_records) {
  block(SIGUSR1, SIGRTMIN);
  int fd = raw_signalfd(-1, bit(SIGUSR1) | bit(SIGRTMIN), 8, SFD_NONBLOCK);
  NEED(fd >= 0);
  NEED(kill(getpid(), SIGUSR1) == 0);
  NEED(kill(getpid(), SIGUSR1) == 0);  // the second is one with the first
  NEED(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4711}) == 0);
  NEED(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = -5}) == 0);
  NEED(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) == 0);
  struct signalfd_siginfo list[8];
  memset(list, 0xee, sizeof list);
  VALUE(read(fd, list, sizeof list[0] * 2 + 17));
  show("own thread's first", &list[0]);
  show("then by number", &list[1]);
  VALUE(read(fd, list, sizeof list));
  show("value", &list[0]);
  show("value", &list[1]);
  VALUE(read(fd, list, sizeof list));
  // A value of one's own making, with codes of the kernel's.
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGUSR1;
  info.si_code = SI_TIMER;
  info.si_timerid = 7;
  info.si_overrun = 3;
  info.si_value.sival_int = 99;
  NEED(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info) == 0);
  VALUE(read(fd, list, sizeof list));
  show("timer", &list[0]);
  say("timer %u overrun %u", list[0].ssi_tid, list[0].ssi_overrun);
  VALUE(read(fd, (void*)8, sizeof list[0]));
  NEED(kill(getpid(), SIGUSR1) == 0);
  VALUE(read(fd, (void*)8, sizeof list[0]));
  VALUE(read(fd, list, sizeof list[0]));
  close(fd);
  unblock();
}

TEST(signalfd_kept_though_nobody_handles_it) {
  block(SIGWINCH, SIGCHLD);
  int fd = raw_signalfd(-1, bit(SIGWINCH) | bit(SIGCHLD), 8, SFD_NONBLOCK);
  NEED(kill(getpid(), SIGWINCH) == 0);
  siginfo_t child;
  memset(&child, 0, sizeof child);
  child.si_signo = SIGCHLD;
  child.si_code = CLD_EXITED;
  child.si_pid = getpid();
  child.si_status = 42;
  NEED(syscall(SYS_rt_sigqueueinfo, getpid(), SIGCHLD, &child) == 0);
  struct signalfd_siginfo list[4];
  VALUE(read(fd, list, sizeof list));
  show("child", &list[0]);
  show("window", &list[1]);
  close(fd);
  unblock();
}

TEST(signalfd_mask_and_readiness) {
  block(SIGUSR1, SIGUSR2);
  int fd = raw_signalfd(-1, bit(SIGUSR1) | bit(SIGKILL) | bit(SIGSTOP), 8, SFD_NONBLOCK);
  int poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN}, out[2];
  NEED(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0);
  struct pollfd entry = {fd, POLLIN | POLLOUT, 0};
  VALUE(poll(&entry, 1, 0));
  NEED(raise(SIGUSR2) == 0);
  VALUE(poll(&entry, 1, 0));
  VALUE(epoll_wait(poller, out, 2, 0));
  NEED(raw_signalfd(fd, bit(SIGUSR2), 8, 0) == fd);
  VALUE(poll(&entry, 1, 0));
  say("%#x", entry.revents);
  VALUE(epoll_wait(poller, out, 2, 0));
  NEED(kill(getpid(), SIGUSR1) == 0);
  struct signalfd_siginfo list[4];
  VALUE(read(fd, list, sizeof list));
  say("signo %u", list[0].ssi_signo);
  VALUE(poll(&entry, 1, 0));
  VALUE(epoll_wait(poller, out, 2, 0));
  NEED(raw_signalfd(fd, bit(SIGUSR1), 8, 0) == fd);
  VALUE(read(fd, list, sizeof list));
  say("signo %u", list[0].ssi_signo);
  // Taken by sigtimedwait, it is not there any more.
  NEED(raise(SIGUSR1) == 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  TRUTH(sigwaitinfo(&set, NULL) == SIGUSR1);
  VALUE(read(fd, list, sizeof list));
  close(poller);
  close(fd);
  unblock();
}

static volatile int handled;
static void on_signal(int number) { handled = number; }
static pthread_t reader_thread;

static void* signal_soon(void* number) {
  sleep_ms(40);
  if ((long)number < 0) pthread_kill(reader_thread, -(int)(long)number);
  else kill(getpid(), (int)(long)number);
  return NULL;
}

TEST(signalfd_waits) {
  block(SIGUSR1, SIGUSR1);
  int fd = raw_signalfd(-1, bit(SIGUSR1), 8, 0);
  struct signalfd_siginfo list[2];
  reader_thread = pthread_self();
  unsigned long thread = start_thread(signal_soon, (void*)(long)SIGUSR1);
  VALUE(read(fd, list, sizeof list));
  say("signo %u code %d", list[0].ssi_signo, list[0].ssi_code);
  join_thread(thread);
  struct pollfd entry = {fd, POLLIN, 0};
  thread = start_thread(signal_soon, (void*)(long)-SIGUSR1);
  VALUE(poll(&entry, 1, -1));
  VALUE(read(fd, list, sizeof list));
  say("signo %u code %d", list[0].ssi_signo, list[0].ssi_code);
  join_thread(thread);
  int poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN}, out[2];
  NEED(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0);
  thread = start_thread(signal_soon, (void*)(long)SIGUSR1);
  VALUE(epoll_wait(poller, out, 2, -1));
  VALUE(read(fd, list, sizeof list));
  join_thread(thread);
  close(poller);
  // Another signal, with a handler, ends the wait or lets it go on.
  for (int restart = 0; restart < 2; ++restart) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = restart ? SA_RESTART : 0}, old;
    sigaction(SIGUSR2, &action, &old);
    handled = 0;
    thread = start_thread(signal_soon, (void*)(long)-SIGUSR2);
    if (restart) {
      // The wait begins anew and ends by the awaited signal.
      struct timespec when = {0, 100000000};
      struct sigevent notify = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 11};
      timer_t timer;
      NEED(timer_create(CLOCK_MONOTONIC, &notify, &timer) == 0);
      NEED(timer_settime(timer, 0, &(struct itimerspec){.it_value = when}, NULL) == 0);
      VALUE(read(fd, list, sizeof list));
      say("signo %u code %d int %d", list[0].ssi_signo, list[0].ssi_code, list[0].ssi_int);
      timer_delete(timer);
    } else {
      VALUE(read(fd, list, sizeof list));
    }
    join_thread(thread);
    VALUE(handled);
    sigaction(SIGUSR2, &old, NULL);
  }
  close(fd);
  unblock();
}

static void* read_for_itself(void* fd) {
  struct signalfd_siginfo info;
  VALUE(read((int)(long)fd, &info, sizeof info));
  return NULL;
}

TEST(signalfd_shows_a_thread_its_own_signals_only) {
  block(SIGUSR1, SIGUSR1);
  int fd = raw_signalfd(-1, bit(SIGUSR1), 8, SFD_NONBLOCK);
  NEED(pthread_kill(pthread_self(), SIGUSR1) == 0);
  join_thread(start_thread(read_for_itself, (void*)(long)fd));
  read_for_itself((void*)(long)fd);
  NEED(kill(getpid(), SIGUSR1) == 0);
  join_thread(start_thread(read_for_itself, (void*)(long)fd));
  close(fd);
  unblock();
}
