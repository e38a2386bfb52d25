// SPDX-License-Identifier: Apache-2.0
//
// TCP over loopback: waiting, time limits, signals, epoll, urgent bytes, messages.

#include "tcp_pair.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>

static void* send_in_two_parts(void* argument) {
  int s = *(int*)argument;
  sleep_ms(20);
  NEED(write(s, "12345", 5) == 5);
  sleep_ms(20);
  NEED(write(s, "67890", 5) == 5);
  return NULL;
}
TEST(tcp_receive_waits_for_all) {
  struct pair p = connected();
  char text[16] = {0};
  unsigned long thread = start_thread(send_in_two_parts, &p.client);
  VALUE(recv(p.server, text, 10, MSG_WAITALL));
  say("%.10s", text);
  join_thread(thread);
  thread = start_thread(send_in_two_parts, &p.client);
  VALUE(recv(p.server, text, 10, MSG_WAITALL | MSG_PEEK));
  join_thread(thread);
  VALUE(recv(p.server, text, 10, 0));
  thread = start_thread(send_in_two_parts, &p.client);
  struct timeval limit = {0, 500000};
  setsockopt(p.server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  VALUE(recv(p.server, text, 12, MSG_WAITALL));
  join_thread(thread);
  int low = 4;
  VALUE(setsockopt(p.server, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low));
  NEED(write(p.client, "ab", 2) == 2);
  sleep_ms(20);
  VALUE(events_of(p.server));
  VALUE(recv(p.server, text, 16, MSG_DONTWAIT));
  NEED(write(p.client, "abcd", 4) == 4);
  await(p.server, POLLIN);
  VALUE(events_of(p.server));
  close_pair(p);
}

TEST(tcp_time_limits) {
  struct pair p = connected();
  struct timeval limit = {0, 40000}, shown;
  VALUE(setsockopt(p.server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  socklen_t size = sizeof shown;
  getsockopt(p.server, SOL_SOCKET, SO_RCVTIMEO, &shown, &size);
  VALUE(size);
  TRUTH(shown.tv_sec == 0 && shown.tv_usec == 40000);
  char byte;
  int64_t start = now_ns(CLOCK_MONOTONIC);
  VALUE(read(p.server, &byte, 1));
  TRUTH(now_ns(CLOCK_MONOTONIC) - start >= 35000000);
  VALUE(setsockopt(p.listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  VALUE(accept(p.listener, NULL, NULL));
  limit.tv_usec = 1000000;
  VALUE(setsockopt(p.server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  VALUE(setsockopt(p.server, SOL_SOCKET, SO_RCVTIMEO, &limit, 8));
  close_pair(p);
}

static void* interrupt_later(void* argument) {
  sleep_ms(30);
  pthread_kill(*(pthread_t*)argument, SIGUSR1);
  return NULL;
}
static void nothing(int signal) {}
TEST(tcp_interrupted) {
  struct sigaction action = {.sa_handler = nothing}, former;
  sigaction(SIGUSR1, &action, &former);
  struct pair p = connected();
  pthread_t self = pthread_self();
  char byte;
  unsigned long thread = start_thread(interrupt_later, &self);
  VALUE(read(p.server, &byte, 1));
  join_thread(thread);
  thread = start_thread(interrupt_later, &self);
  VALUE(accept(p.listener, NULL, NULL));
  join_thread(thread);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, NULL);
  struct timeval limit = {0, 200000};
  setsockopt(p.server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  thread = start_thread(interrupt_later, &self);
  VALUE(read(p.server, &byte, 1));  // with a time limit it is not restarted
  join_thread(thread);
  close_pair(p);
  sigaction(SIGUSR1, &former, NULL);
}

// How Java wakes a thread that blocks in a socket that is being closed.
struct blocked {
  int socket;
  long result;
  pthread_t thread;
};
static void* block_in_read(void* argument) {
  struct blocked* blocked = argument;
  char byte;
  blocked->thread = pthread_self();
  blocked->result = read(blocked->socket, &byte, 1) < 0 ? -errno : 1;
  return NULL;
}
TEST(tcp_dup2_over_a_blocked_read) {
  struct sigaction action = {.sa_handler = nothing}, former;
  sigaction(SIGUSR1, &action, &former);
  struct pair p = connected();
  int marker[2];
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, marker) == 0);
  close(marker[1]);
  struct blocked blocked = {p.server, 0, 0};
  unsigned long thread = start_thread(block_in_read, &blocked);
  sleep_ms(30);
  VALUE(dup2(marker[0], p.server) == p.server);
  pthread_kill(blocked.thread, SIGUSR1);
  join_thread(thread);
  VALUE(blocked.result);
  char byte;
  VALUE(read(p.server, &byte, 1));
  await(p.client, POLLIN);  // the connection has ended with the call that held it
  VALUE(read(p.client, &byte, 1));
  close(marker[0]);
  close_pair(p);
  sigaction(SIGUSR1, &former, NULL);
}

static int epoll_events(int epoll) {
  struct epoll_event event;
  int n = epoll_wait(epoll, &event, 1, 0);
  return n == 1 ? (int)event.events : n == 0 ? 0 : -1;
}
TEST(tcp_epoll) {
  struct pair p = connected();
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
  VALUE(epoll_ctl(epoll, EPOLL_CTL_ADD, p.server, &event));
  VALUE(epoll_events(epoll));
  VALUE(epoll_events(epoll));
  NEED(write(p.client, "a", 1) == 1);
  sleep_ms(10);
  VALUE(epoll_events(epoll));
  VALUE(epoll_events(epoll));
  NEED(write(p.client, "b", 1) == 1);
  sleep_ms(10);
  VALUE(epoll_events(epoll));
  char text[8];
  VALUE(recv(p.server, text, 8, MSG_PEEK));
  VALUE(epoll_events(epoll));
  VALUE(read(p.server, text, 8));
  VALUE(epoll_events(epoll));
  NEED(write(p.server, "c", 1) == 1);
  VALUE(read(p.client, text, 8));
  sleep_ms(10);
  VALUE(epoll_events(epoll));
  shutdown(p.client, SHUT_WR);
  sleep_ms(10);
  VALUE(epoll_events(epoll));
  VALUE(epoll_events(epoll));
  event.events = EPOLLIN | EPOLLONESHOT;
  VALUE(epoll_ctl(epoll, EPOLL_CTL_MOD, p.server, &event));
  VALUE(epoll_events(epoll));
  VALUE(epoll_events(epoll));
  VALUE(epoll_ctl(epoll, EPOLL_CTL_MOD, p.server, &event));
  VALUE(epoll_events(epoll));
  struct linger now = {1, 0};
  setsockopt(p.client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(p.client);
  sleep_ms(10);
  event.events = 0;
  VALUE(epoll_ctl(epoll, EPOLL_CTL_MOD, p.server, &event));
  VALUE(epoll_events(epoll));
  close(p.server);
  VALUE(epoll_events(epoll));
  event.events = EPOLLIN;
  VALUE(epoll_ctl(epoll, EPOLL_CTL_ADD, p.listener, &event));
  VALUE(epoll_events(epoll));
  close(p.listener);
  close(epoll);
}

TEST(tcp_epoll_writable_edge) {
  struct pair p = connected();
  fcntl(p.client, F_SETFL, O_NONBLOCK);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
  NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, p.client, &event) == 0);
  VALUE(epoll_events(epoll));
  static char block[65536];
  while (write(p.client, block, sizeof block) > 0) {}
  VALUE(epoll_events(epoll));
  while (recv(p.server, block, sizeof block, MSG_DONTWAIT) > 0 || (sleep_ms(5), recv(p.server, block, sizeof block, MSG_DONTWAIT) > 0)) {}
  sleep_ms(20);
  VALUE(epoll_events(epoll));
  VALUE(epoll_events(epoll));
  close(epoll);
  close_pair(p);
}

TEST(tcp_urgent_data) {
  struct pair p = connected();
  char text[16] = {0};
  VALUE(recv(p.server, text, 1, MSG_OOB));
  VALUE(send(p.client, "ab!", 3, MSG_OOB));
  await(p.server, POLLPRI);
  VALUE(events_of(p.server));
  VALUE(recv(p.server, text, 16, MSG_DONTWAIT));
  VALUE(recv(p.server, text, 1, MSG_OOB));
  say("%c", text[0]);
  VALUE(recv(p.server, text, 1, MSG_OOB));
  close_pair(p);
  p = connected();
  int one = 1;
  setsockopt(p.server, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one);
  VALUE(send(p.client, "?", 1, MSG_OOB));
  await(p.server, POLLIN);
  VALUE(recv(p.server, text, 16, 0));
  say("%c", text[0]);
  VALUE(recv(p.server, text, 1, MSG_OOB));
  close_pair(p);
}

TEST(tcp_messages) {
  struct pair p = connected();
  char a[4], b[8];
  struct iovec out[2] = {{"abcd", 4}, {"efg", 3}}, in[2] = {{a, 4}, {b, 8}};
  struct sockaddr_in name;
  char control[64];
  struct msghdr message = {.msg_iov = out, .msg_iovlen = 2};
  VALUE(sendmsg(p.client, &message, 0));
  await(p.server, POLLIN);
  message = (struct msghdr){&name, sizeof name, in, 2, control, sizeof control, 0x55};
  VALUE(recvmsg(p.server, &message, 0));
  VALUE(message.msg_namelen);
  VALUE(message.msg_controllen);
  VALUE(message.msg_flags);
  message.msg_iovlen = 1025;
  VALUE(recvmsg(p.server, &message, 0));
  VALUE(sendmsg(p.server, &message, 0));
  VALUE(recvmsg(p.server, (struct msghdr*)8, 0));
  struct mmsghdr many[3] = {{.msg_hdr = {.msg_iov = out, .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = out + 1, .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = out, .msg_iovlen = 2}}};
  VALUE(sendmmsg(p.client, many, 3, 0));
  VALUE(many[0].msg_len);
  VALUE(many[2].msg_len);
  await(p.server, POLLIN);
  sleep_ms(10);
  struct mmsghdr come[3] = {{.msg_hdr = {.msg_iov = in, .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = in + 1, .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = in + 1, .msg_iovlen = 1}}};
  VALUE(recvmmsg(p.server, come, 3, MSG_DONTWAIT, NULL));
  VALUE(come[0].msg_len);
  VALUE(come[1].msg_len);
  VALUE(come[2].msg_len);
  VALUE(recvmmsg(p.server, come, 3, MSG_DONTWAIT, NULL));
  close_pair(p);
}
