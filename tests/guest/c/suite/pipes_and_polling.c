// SPDX-License-Identifier: Apache-2.0
//
// Pipes, poll, epoll, eventfd and the ioctls that ask about them.

#include "suite.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

TEST(pipe_basics) {
  int ends[2];
  VALUE(pipe2(ends, O_CLOEXEC));
  VALUE(fcntl(ends[0], F_GETFD));
  struct stat status;
  NEED(fstat(ends[0], &status) == 0);
  say("fifo %d", S_ISFIFO(status.st_mode));
  VALUE(write(ends[1], "hello", 5));
  char text[16] = {0};
  int waiting = 0;
  VALUE(ioctl(ends[0], FIONREAD, &waiting));
  VALUE(waiting);
  VALUE(read(ends[0], text, 2));
  VALUE(read(ends[0], text, 16));
  say("%.3s", text);
  VALUE(lseek(ends[0], 0, SEEK_CUR));
  VALUE(read(ends[1], text, 1));
  VALUE(write(ends[0], text, 1));
  VALUE(pread(ends[0], text, 1, 0));
  VALUE(write(ends[1], "last", 4));
  close(ends[1]);
  VALUE(read(ends[0], text, 16));
  VALUE(read(ends[0], text, 16));
  close(ends[0]);
  VALUE(pipe2(ends, 0x1));
  VALUE(pipe((int*)8));
}

TEST(pipe_nonblocking_and_full) {
  int ends[2];
  NEED(pipe2(ends, O_NONBLOCK) == 0);
  char byte;
  VALUE(read(ends[0], &byte, 1));
  static char block[4096];
  long total = 0;
  for (ssize_t n; (n = write(ends[1], block, sizeof block)) > 0;) total += n;
  say("%s after %ld", check_errno_name(errno), total);
  struct pollfd entry = {ends[1], POLLOUT, 0};
  VALUE(poll(&entry, 1, 0));
  NEED(read(ends[0], block, 4096) == 4096);
  VALUE(poll(&entry, 1, 0));
  VALUE(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
  VALUE(fcntl(ends[0], F_SETFL, 0));
  VALUE(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
  VALUE(fcntl(ends[0], F_GETPIPE_SZ));
  close(ends[0]);
  close(ends[1]);
}

static int pipe_ends[2];
static void* drain(void* unused) {
  static char block[3000];
  long total = 0, wrong = 0;
  for (ssize_t n; (n = read(pipe_ends[0], block, sizeof block)) > 0; total += n) {
    for (ssize_t i = 0; i < n; ++i) wrong += (unsigned char)block[i] != (unsigned char)((total + i) * 7);
  }
  return (void*)(wrong == 0 ? total : -wrong);
}
TEST(pipe_carries_a_megabyte_between_threads) {
  NEED(pipe(pipe_ends) == 0);
  unsigned long thread = start_thread(drain, NULL);
  static char block[10007];
  long sent = 0;
  for (int i = 0; i < 105; ++i) {
    for (size_t j = 0; j < sizeof block; ++j) block[j] = (char)((sent + j) * 7);
    for (size_t done = 0; done < sizeof block;) done += write(pipe_ends[1], block + done, sizeof block - done);
    sent += sizeof block;
  }
  close(pipe_ends[1]);
  say("sent %ld, received %ld", sent, (long)join_thread(thread));
  close(pipe_ends[0]);
}

static void* write_soon(void* fd) {
  sleep_ms(40);
  NEED(write((int)(long)fd, "12345678", 8) == 8);
  return NULL;
}

TEST(poll_results) {
  int ends[2];
  NEED(pipe(ends) == 0);
  struct pollfd list[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 7}};
  VALUE(poll(list, 3, 0));
  say("%#x %#x %#x", list[0].revents, list[1].revents, list[2].revents);
  int64_t start = now_ns(CLOCK_MONOTONIC);
  VALUE(poll(list, 1, 30));
  int64_t took = now_ns(CLOCK_MONOTONIC) - start;
  TRUTH(took >= 30000000 && took < 500000000);
  unsigned long thread = start_thread(write_soon, (void*)(long)ends[1]);
  VALUE(poll(list, 1, -1));
  say("%#x", list[0].revents);
  join_thread(thread);
  close(ends[1]);
  VALUE(poll(list, 1, -1));
  say("%#x", list[0].revents);
  char text[16];
  NEED(read(ends[0], text, 16) == 8);
  VALUE(poll(list, 1, -1));
  say("%#x", list[0].revents);
  close(ends[0]);
  VALUE(poll(list, 1, -1));
  say("%#x", list[0].revents);
  NEED(pipe(ends) == 0);
  close(ends[0]);
  list[0] = (struct pollfd){ends[1], POLLOUT, 0};
  VALUE(poll(list, 1, 0));
  say("%#x", list[0].revents);
  close(ends[1]);
  int fd = open(scratch("p"), O_RDWR | O_CREAT, 0600);
  list[0] = (struct pollfd){fd, POLLIN | POLLOUT, 0};
  VALUE(poll(list, 1, -1));
  say("%#x", list[0].revents);
  close(fd);
  unlink(scratch("p"));
  VALUE(poll((void*)8, 1, 0));
  VALUE(poll(NULL, 0, 10));
}

TEST(ppoll_and_select) {
  int ends[2];
  NEED(pipe(ends) == 0);
  NEED(write(ends[1], "x", 1) == 1);
  struct pollfd entry = {ends[0], POLLIN, 0};
  struct timespec time = {0, 10000000};
  VALUE(ppoll(&entry, 1, &time, NULL));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  struct timeval limit = {0, 10000};
  VALUE(select(ends[1] + 1, &set, NULL, NULL, &limit));
  TRUTH(FD_ISSET(ends[0], &set));
  close(ends[0]);
  close(ends[1]);
}

TEST(eventfd_counts) {
  int fd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK);
  uint64_t value = 0;
  VALUE(read(fd, &value, 8));
  VALUE(value);
  VALUE(read(fd, &value, 8));
  VALUE(read(fd, &value, 4));
  value = 5;
  VALUE(write(fd, &value, 8));
  VALUE(write(fd, &value, 8));
  VALUE(read(fd, &value, 8));
  VALUE(value);
  value = UINT64_MAX;
  VALUE(write(fd, &value, 8));
  value = UINT64_MAX - 1;
  VALUE(write(fd, &value, 8));
  value = 1;
  VALUE(write(fd, &value, 8));
  struct pollfd entry = {fd, POLLIN | POLLOUT, 0};
  VALUE(poll(&entry, 1, 0));
  say("%#x", entry.revents);
  close(fd);
  fd = eventfd(2, EFD_SEMAPHORE);
  VALUE(read(fd, &value, 8));
  VALUE(value);
  VALUE(read(fd, &value, 8));
  entry.fd = fd;
  VALUE(poll(&entry, 1, 0));
  say("%#x", entry.revents);
  unsigned long thread = start_thread(write_soon, (void*)(long)fd);
  VALUE(read(fd, &value, 8));
  join_thread(thread);
  close(fd);
  VALUE(syscall(SYS_eventfd2, 0, 0x100));
}

TEST(epoll_level_edge_oneshot) {
  int poller = epoll_create1(EPOLL_CLOEXEC), ends[2];
  NEED(pipe2(ends, O_NONBLOCK) == 0);
  struct epoll_event event = {EPOLLIN, {.u64 = 0x1122334455667788}}, out[4];
  VALUE(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event));
  VALUE(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event));
  VALUE(epoll_wait(poller, out, 4, 0));
  NEED(write(ends[1], "ab", 2) == 2);
  VALUE(epoll_wait(poller, out, 4, -1));
  say("%#x %#lx", out[0].events, (long)out[0].data.u64);
  say("level: again %d", epoll_wait(poller, out, 4, 0));
  event.events = EPOLLIN | EPOLLET;
  VALUE(epoll_ctl(poller, EPOLL_CTL_MOD, ends[0], &event));
  say("edge: first %d", epoll_wait(poller, out, 4, 0));
  say("edge: second %d", epoll_wait(poller, out, 4, 0));
  NEED(write(ends[1], "c", 1) == 1);
  say("after a write %d", epoll_wait(poller, out, 4, 0));
  event.events = EPOLLIN | EPOLLONESHOT;
  VALUE(epoll_ctl(poller, EPOLL_CTL_MOD, ends[0], &event));
  say("one shot: first %d", epoll_wait(poller, out, 4, 0));
  say("one shot: second %d", epoll_wait(poller, out, 4, 0));
  VALUE(epoll_ctl(poller, EPOLL_CTL_MOD, ends[0], &event));
  say("armed again: %d", epoll_wait(poller, out, 4, 0));
  VALUE(epoll_ctl(poller, EPOLL_CTL_DEL, ends[0], NULL));
  VALUE(epoll_ctl(poller, EPOLL_CTL_DEL, ends[0], NULL));
  VALUE(epoll_ctl(poller, EPOLL_CTL_MOD, ends[0], &event));
  close(ends[0]);
  close(ends[1]);
  close(poller);
}

TEST(epoll_hang_up_close_and_errors) {
  int poller = epoll_create1(0), ends[2];
  NEED(pipe(ends) == 0);
  struct epoll_event event = {EPOLLIN, {.u32 = 1}}, out[4];
  NEED(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event) == 0);
  event.events = EPOLLOUT;
  event.data.u32 = 2;
  NEED(epoll_ctl(poller, EPOLL_CTL_ADD, ends[1], &event) == 0);
  VALUE(epoll_wait(poller, out, 4, 0));
  say("%u %#x", out[0].data.u32, out[0].events);
  close(ends[1]);  // closing takes it off the list
  VALUE(epoll_wait(poller, out, 4, 0));
  say("%u %#x", out[0].data.u32, out[0].events);
  close(ends[0]);
  VALUE(epoll_wait(poller, out, 4, 10));
  VALUE(epoll_wait(poller, out, 0, 0));
  NEED(pipe(ends) == 0);
  VALUE(epoll_wait(ends[0], out, 1, 0));
  VALUE(epoll_wait(999, out, 1, 0));
  VALUE(epoll_ctl(poller, EPOLL_CTL_ADD, poller, &event));
  VALUE(epoll_ctl(poller, 99, ends[0], &event));
  VALUE(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event));
  VALUE(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], (void*)8));
  close(ends[0]);
  close(ends[1]);
  VALUE(epoll_ctl(poller, EPOLL_CTL_ADD, 999, &event));
  int file = open(scratch("e"), O_RDWR | O_CREAT, 0600);
  VALUE(epoll_ctl(poller, EPOLL_CTL_ADD, file, &event));
  close(file);
  unlink(scratch("e"));
  VALUE(epoll_create1(0x8000));
  VALUE(epoll_create(0));
  close(poller);
}

TEST(epoll_wakes_a_sleeping_waiter_and_nests) {
  int inner = epoll_create1(0), outer = epoll_create1(0), fd = eventfd(0, 0);
  struct epoll_event event = {EPOLLIN, {.fd = fd}}, out[4];
  NEED(epoll_ctl(inner, EPOLL_CTL_ADD, fd, &event) == 0);
  event.data.fd = inner;
  NEED(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) == 0);
  unsigned long thread = start_thread(write_soon, (void*)(long)fd);
  VALUE(epoll_wait(outer, out, 4, 5000));
  TRUTH(out[0].data.fd == inner);
  VALUE(epoll_wait(inner, out, 4, 0));
  TRUTH(out[0].data.fd == fd);
  join_thread(thread);
  struct pollfd entry = {inner, POLLIN, 0};
  VALUE(poll(&entry, 1, 0));
  close(inner);
  close(outer);
  close(fd);
}

TEST(ioctls_on_what_is_no_terminal) {
  int ends[2];
  struct termios termios;
  struct winsize size;
  NEED(pipe(ends) == 0);
  VALUE(ioctl(ends[0], TCGETS, &termios));
  VALUE(isatty(ends[0]));
  VALUE(ioctl(ends[0], TIOCGWINSZ, &size));
  int fd = open("/dev/null", O_RDONLY);
  VALUE(ioctl(fd, TCGETS, &termios));
  close(fd);
  fd = open(scratch("i"), O_RDWR | O_CREAT, 0600);
  VALUE(ioctl(fd, TCGETS, &termios));
  int count;
  NEED(write(fd, "abc", 3) == 3 && lseek(fd, 1, SEEK_SET) == 1);
  VALUE(ioctl(fd, FIONREAD, &count));
  VALUE(count);
  VALUE(ioctl(999, TCGETS, &termios));
  int on = 1;
  VALUE(ioctl(ends[0], FIONBIO, &on));
  VALUE(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
  VALUE(ioctl(ends[0], FIOCLEX));
  VALUE(fcntl(ends[0], F_GETFD));
  close(fd);
  unlink(scratch("i"));
  close(ends[0]);
  close(ends[1]);
}
