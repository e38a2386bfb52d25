// SPDX-License-Identifier: Apache-2.0
//
// AF_UNIX sockets whose messages stay whole: SOCK_DGRAM and SOCK_SEQPACKET.

#include "suite.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static volatile int pipe_signals;
static void on_pipe(int number) { (void)number; ++pipe_signals; }

static socklen_t path_name(struct sockaddr_un* name, const char* file) {
  memset(name, 0, sizeof *name);
  name->sun_family = AF_UNIX;
  // Not in the scratch directory, which may be a shared folder: those hold no sockets.
  snprintf(name->sun_path, sizeof name->sun_path, "/tmp/suite-%d-%s", getpid(), file);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name->sun_path) + 1);
}
static socklen_t abstract_name(struct sockaddr_un* name, const char* text) {
  memset(name, 0, sizeof *name);
  name->sun_family = AF_UNIX;
  int length = snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "suite-%d-%s", getpid(), text);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}
static int bound(int type, const char* file, struct sockaddr_un* name, socklen_t* size) {
  int fd = socket(AF_UNIX, type, 0);
  *size = path_name(name, file);
  unlink(name->sun_path);
  if (fd < 0 || bind(fd, (struct sockaddr*)name, *size) != 0) say("FAILED bind %s", file);
  return fd;
}
static int events(int fd) {
  struct pollfd entry = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}
static void set_blocking(int fd, int blocking) { fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK); }

// Receives with recvmsg and says everything of it.
static void receive(const char* what, int fd, size_t room, int flags, const char* expected_name) {
  char text[64] = {0};
  struct sockaddr_un from;
  memset(&from, 0x55, sizeof from);
  struct iovec piece = {text, room};
  struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &piece, .msg_iovlen = 1};
  long got = recvmsg(fd, &message, flags);
  if (got < 0) {
    say("%s: %s", what, check_errno_name(errno));
    return;
  }
  int named = message.msg_namelen > 2;
  say("%s: %ld \"%.*s\" flags %#x, sender %s", what, got, (int)sizeof text - 1, text, message.msg_flags,
      !named ? "unnamed" : expected_name && strcmp(from.sun_path, expected_name) == 0 ? "as expected" : "another");
  if (!named) VALUE(message.msg_namelen);
}

TEST(unix_datagrams_by_path) {
  struct sockaddr_un server_name, client_name, other;
  socklen_t server_size, client_size;
  int server = bound(SOCK_DGRAM, "d1", &server_name, &server_size);
  int client = bound(SOCK_DGRAM, "d2", &client_name, &client_size);
  int unnamed = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  VALUE(bind(server, (struct sockaddr*)&client_name, client_size));
  VALUE(bind(unnamed, (struct sockaddr*)&client_name, client_size));
  VALUE(send(client, "x", 1, 0));
  VALUE(sendto(client, "hello", 5, 0, (struct sockaddr*)&server_name, server_size));
  VALUE(sendto(client, "", 0, 0, (struct sockaddr*)&server_name, server_size));
  VALUE(sendto(unnamed, "second", 6, 0, (struct sockaddr*)&server_name, server_size));
  int waiting = -1;
  VALUE(ioctl(server, FIONREAD, &waiting));
  VALUE(waiting);
  say("events %#x", events(server));
  receive("peek", server, 3, MSG_PEEK, client_name.sun_path);
  receive("peek for the size", server, 3, MSG_PEEK | MSG_TRUNC, client_name.sun_path);
  receive("cut", server, 3, 0, client_name.sun_path);
  receive("empty", server, 8, 0, client_name.sun_path);
  receive("whole size", server, 2, MSG_TRUNC, NULL);
  receive("nothing", server, 8, MSG_DONTWAIT, NULL);
  say("events %#x", events(server));
  VALUE(ioctl(server, FIONREAD, &waiting));
  VALUE(waiting);
  // Connected: by send, and from nobody else.
  VALUE(connect(client, (struct sockaddr*)&server_name, server_size));
  VALUE(connect(server, (struct sockaddr*)&client_name, client_size));
  VALUE(send(client, "by peer", 7, 0));
  VALUE(sendto(unnamed, "stranger", 8, 0, (struct sockaddr*)&server_name, server_size));
  VALUE(connect(unnamed, (struct sockaddr*)&server_name, server_size));
  receive("peer's", server, 16, MSG_DONTWAIT, client_name.sun_path);
  socklen_t size = sizeof other;
  VALUE(getpeername(client, (struct sockaddr*)&other, &size));
  TRUTH(size == server_size && strcmp(other.sun_path, server_name.sun_path) == 0);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  VALUE(connect(server, &none, sizeof none));
  size = sizeof other;
  VALUE(getpeername(server, (struct sockaddr*)&other, &size));
  VALUE(send(client, "after the other's end of it", 27, 0));
  VALUE(send(client, "and again", 9, 0));
  receive("once more", server, 32, MSG_DONTWAIT, client_name.sun_path);
  VALUE(listen(server, 1));
  VALUE(accept(server, NULL, NULL));
  // The name leads nowhere once the socket is gone; then it is gone, too.
  close(server);
  VALUE(send(client, "y", 1, 0));
  VALUE(send(client, "y", 1, 0));
  VALUE(sendto(client, "y", 1, 0, (struct sockaddr*)&server_name, server_size));
  unlink(server_name.sun_path);
  VALUE(sendto(client, "y", 1, 0, (struct sockaddr*)&server_name, server_size));
  close(client);
  close(unnamed);
  unlink(client_name.sun_path);
}

TEST(unix_names_by_type) {
  struct sockaddr_un name, stream_name;
  socklen_t stream_size;
  int stream = bound(SOCK_STREAM, "s1", &stream_name, &stream_size);
  NEED(listen(stream, 1) == 0);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  VALUE(connect(fd, (struct sockaddr*)&stream_name, stream_size));
  VALUE(sendto(fd, "x", 1, 0, (struct sockaddr*)&stream_name, stream_size));
  VALUE(sendto(fd, "x", 1, MSG_OOB, (struct sockaddr*)&stream_name, stream_size));
  VALUE(sendto(fd, "x", 1, 0, (struct sockaddr*)&stream_name, 2));
  close(stream);
  unlink(stream_name.sun_path);
  // Abstract names are each type's own.
  socklen_t size = abstract_name(&name, "a");
  int first = socket(AF_UNIX, SOCK_DGRAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
  VALUE(bind(first, (struct sockaddr*)&name, size));
  VALUE(bind(second, (struct sockaddr*)&name, size));
  VALUE(bind(fd, (struct sockaddr*)&name, size));
  VALUE(connect(fd, (struct sockaddr*)&name, size));
  VALUE(send(fd, "abc", 3, 0));
  close(first);
  VALUE(send(fd, "abc", 3, 0));
  VALUE(connect(fd, (struct sockaddr*)&name, size));
  close(second);
  // A name that is made up.
  struct sockaddr_un made;
  memset(&made, 0, sizeof made);
  made.sun_family = AF_UNIX;
  VALUE(bind(fd, (struct sockaddr*)&made, sizeof(sa_family_t)));
  VALUE(bind(fd, (struct sockaddr*)&made, sizeof(sa_family_t)));
  socklen_t length = sizeof made;
  VALUE(getsockname(fd, (struct sockaddr*)&made, &length));
  VALUE(length);
  TRUTH(made.sun_path[0] == 0 && strspn(made.sun_path + 1, "0123456789abcdef") >= 5);
  VALUE(sendto(fd, "to itself", 9, 0, (struct sockaddr*)&made, length));
  char text[16];
  VALUE(recv(fd, text, 16, MSG_DONTWAIT));
  close(fd);
  VALUE(socket(AF_UNIX, SOCK_RDM, 0));
  fd = socket(AF_UNIX, SOCK_RAW, 0);
  int type = 0;
  length = sizeof type;
  VALUE(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length));
  VALUE(type);
  close(fd);
}

static void* receive_soon(void* fd) {
  sleep_ms(40);
  char text[64];
  int count = 0;
  for (; count < 100 && recv((int)(long)fd, text, sizeof text, MSG_DONTWAIT) > 0; ++count) {
  }
  return (void*)(long)count;
}

TEST(unix_datagrams_full) {
  struct sockaddr_un name;
  socklen_t size;
  int server = bound(SOCK_DGRAM, "full", &name, &size);
  int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  NEED(connect(client, (struct sockaddr*)&name, size) == 0);
  say("events %#x", events(client));
  int poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLET}, out[2];
  NEED(epoll_ctl(poller, EPOLL_CTL_ADD, client, &event) == 0);
  VALUE(epoll_wait(poller, out, 2, 0));
  int sent = 0;
  while (send(client, "message", 7, 0) == 7) ++sent;
  say("full: %s", check_errno_name(errno));
  TRUTH(sent >= 10 && sent < 100000);
  say("events %#x", events(client));
  set_blocking(client, 1);
  unsigned long thread = start_thread(receive_soon, (void*)(long)server);
  VALUE(send(client, "message", 7, 0));
  TRUTH((long)join_thread(thread) > 5);
  char text[16];
  while (recv(server, text, sizeof text, MSG_DONTWAIT) > 0) {
  }
  VALUE(epoll_wait(poller, out, 2, 0));
  say("events %#x", events(client));
  struct timeval limit = {0, 30000};
  NEED(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
  int more = 0;
  while (send(client, "message", 7, 0) == 7) ++more;
  say("time is up: %s", check_errno_name(errno));
  TRUTH(more >= 10);
  // Whoever waits for room hears that there will be none.
  set_blocking(client, 0);
  VALUE(shutdown(server, SHUT_RD));
  VALUE(send(client, "message", 7, 0));
  close(server);
  VALUE(send(client, "message", 7, 0));
  VALUE(send(client, "message", 7, 0));
  close(poller);
  close(client);
  unlink(name.sun_path);
  static char large[300000];
  int ends[2];
  NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
  VALUE(send(ends[0], large, sizeof large, 0));
  VALUE(send(ends[0], large, 100000, 0));
  VALUE(recv(ends[1], large, sizeof large, 0));
  close(ends[0]);
  close(ends[1]);
}

static void pair(int type) {
  int ends[2];
  NEED(socketpair(AF_UNIX, type, 0, ends) == 0);
  struct sigaction action = {.sa_handler = on_pipe}, old;
  sigaction(SIGPIPE, &action, &old);
  pipe_signals = 0;
  VALUE(write(ends[0], "one", 3));
  VALUE(write(ends[0], "three", 5));
  VALUE(send(ends[0], "", 0, 0));
  int waiting = -1;
  VALUE(ioctl(ends[1], FIONREAD, &waiting));
  VALUE(waiting);
  char text[16] = {0};
  VALUE(read(ends[1], text, 16));
  VALUE(read(ends[1], text, 2));
  VALUE(read(ends[1], text, 16));
  struct ucred who;
  socklen_t size = sizeof who;
  VALUE(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &who, &size));
  TRUTH(who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
  say("events %#x %#x", events(ends[0]), events(ends[1]));
  VALUE(recv(ends[0], text, 1, MSG_OOB));
  VALUE(send(ends[0], text, 1, MSG_OOB));
  VALUE(shutdown(ends[0], SHUT_WR));
  VALUE(send(ends[0], "x", 1, 0));
  say("events %#x %#x", events(ends[0]), events(ends[1]));
  VALUE(recv(ends[1], text, 16, MSG_DONTWAIT));
  VALUE(send(ends[1], "back", 4, 0));
  VALUE(shutdown(ends[0], SHUT_RD));
  say("events %#x %#x", events(ends[0]), events(ends[1]));
  VALUE(send(ends[1], "back", 4, 0));
  VALUE(recv(ends[0], text, 16, 0));
  VALUE(recv(ends[0], text, 16, 0));
  VALUE(recv(ends[0], text, 16, MSG_DONTWAIT));
  close(ends[0]);
  close(ends[1]);
  NEED(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends) == 0);
  VALUE(write(ends[0], "unread", 6));
  VALUE(write(ends[1], "answer", 6));
  close(ends[1]);
  say("events %#x", events(ends[0]));
  VALUE(send(ends[0], "x", 1, 0));
  say("events %#x", events(ends[0]));
  VALUE(read(ends[0], text, 16));
  VALUE(read(ends[0], text, 16));
  VALUE(read(ends[0], text, 16));
  VALUE(write(ends[0], "x", 1));
  close(ends[0]);
  VALUE(pipe_signals);
  sigaction(SIGPIPE, &old, NULL);
}
TEST(unix_datagram_pair) { pair(SOCK_DGRAM); }
TEST(unix_sequenced_pair) { pair(SOCK_SEQPACKET); }

TEST(unix_sequenced_connections) {
  struct sockaddr_un name, other;
  socklen_t size;
  int listener = bound(SOCK_SEQPACKET, "q", &name, &size);
  int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  char text[16] = {0};
  VALUE(send(client, "x", 1, 0));
  VALUE(recv(client, text, 1, 0));
  say("events %#x", events(client));
  VALUE(connect(client, (struct sockaddr*)&name, size));
  VALUE(listen(listener, 4));
  int stream = socket(AF_UNIX, SOCK_STREAM, 0);
  VALUE(connect(stream, (struct sockaddr*)&name, size));
  close(stream);
  VALUE(connect(client, (struct sockaddr*)&name, size));
  VALUE(connect(client, (struct sockaddr*)&name, size));
  VALUE(send(client, "early", 5, 0));
  say("events %#x", events(listener));
  int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  NEED(server >= 0);
  size = sizeof other;
  VALUE(getpeername(client, (struct sockaddr*)&other, &size));
  TRUTH(strcmp(other.sun_path, name.sun_path) == 0);
  receive("early", server, 16, 0, NULL);
  // A name beside the message is not looked at.
  memset(&other, 0x77, sizeof other);
  VALUE(sendto(client, "named", 5, 0, (struct sockaddr*)&other, sizeof other));
  receive("cut", server, 2, 0, NULL);
  VALUE(recv(server, text, 16, 0));
  VALUE(send(server, "reply", 5, MSG_EOR));
  receive("reply", client, 16, 0, name.sun_path);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  VALUE(connect(client, &none, sizeof none));
  close(server);
  VALUE(recv(client, text, 16, 0));
  VALUE(send(client, "x", 1, MSG_NOSIGNAL));
  close(client);
  close(listener);
  unlink(name.sun_path);
}

static void full_pair(int type) {
  int ends[2];
  NEED(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends) == 0);
  int size = 20000, sent = 0;
  NEED(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
  socklen_t length = sizeof size;
  VALUE(getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, &length));
  VALUE(size);
  static char block[50000];
  VALUE(send(ends[0], block, 40000 - 31, 0));
  VALUE(send(ends[0], block, 40000 - 32, 0));
  VALUE(send(ends[0], block, 1000, 0));
  say("events %#x", events(ends[0]));
  VALUE(recv(ends[1], block, sizeof block, 0));
  say("events %#x", events(ends[0]));
  while (send(ends[0], block, 1000, 0) == 1000) ++sent;
  say("%s", check_errno_name(errno));
  TRUTH(sent > 5 && sent < 60);
  set_blocking(ends[0], 1);
  unsigned long thread = start_thread(receive_soon, (void*)(long)ends[1]);
  VALUE(send(ends[0], block, 1000, 0));
  TRUTH((long)join_thread(thread) >= sent);
  close(ends[0]);
  close(ends[1]);
}
TEST(unix_datagram_pair_full) { full_pair(SOCK_DGRAM); }
TEST(unix_sequenced_pair_full) { full_pair(SOCK_SEQPACKET); }

static int passing[2];
static void* send_many(void* unused) {
  for (int i = 0; i < 5000; ++i) {
    char text[200];
    memset(text, i & 0x7f, sizeof text);
    if (send(passing[0], text, (size_t)(i % 200), 0) != i % 200) return (void*)1;
  }
  return unused;
}
static void stream_of_messages(int type) {
  NEED(socketpair(AF_UNIX, type, 0, passing) == 0);
  unsigned long thread = start_thread(send_many, NULL);
  int wrong = 0;
  for (int i = 0; i < 5000; ++i) {
    char text[256];
    long got = recv(passing[1], text, sizeof text, 0);
    wrong += got != i % 200;
    for (long j = 0; j < got; ++j) wrong += text[j] != (i & 0x7f);
  }
  VALUE(wrong);
  VALUE((long)join_thread(thread));
  close(passing[0]);
  close(passing[1]);
}
TEST(unix_messages_between_threads) {
  stream_of_messages(SOCK_DGRAM);
  stream_of_messages(SOCK_SEQPACKET);
}
