// SPDX-License-Identifier: Apache-2.0
//
// What travels beside the bytes of AF_UNIX sockets: descriptors and credentials.

#include "suite.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { kMostPassed = 253 };

static const int kTypes[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
static const char* const kTypeNames[] = {"stream", "datagram", "sequenced"};

// Sends `text` with descriptors.
static long send_files(int fd, const char* text, const int* files, int count, int flags) {
  char control[CMSG_SPACE(sizeof(int) * (kMostPassed + 1))];
  memset(control, 0, sizeof control);
  struct iovec piece = {(void*)text, strlen(text)};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
  memcpy(CMSG_DATA(header), files, sizeof(int) * (size_t)count);
  return sendmsg(fd, &message, flags);
}

static int received[kMostPassed + 1], received_count;
static struct ucred received_credentials;
static int has_credentials;

// Receives up to `room` bytes and `control_room` of control, says what it got, and keeps the descriptors.
static void receive(const char* what, int fd, size_t room, size_t control_room, int flags) {
  char text[64] = {0}, control[CMSG_SPACE(sizeof(int) * kMostPassed) + CMSG_SPACE(sizeof(struct ucred))];
  struct iovec piece = {text, room};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = control_room};
  received_count = has_credentials = 0;
  long got = recvmsg(fd, &message, flags | MSG_DONTWAIT);
  if (got < 0) {
    say("%s: %s", what, check_errno_name(errno));
    return;
  }
  char parts[128] = "";
  for (struct cmsghdr* header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    size_t size = header->cmsg_len - CMSG_LEN(0), used = strlen(parts);
    snprintf(parts + used, sizeof parts - used, " %d/%d:%zu", header->cmsg_level, header->cmsg_type, size);
    if (header->cmsg_type == SCM_RIGHTS) {
      received_count = (int)(size / sizeof(int));
      memcpy(received, CMSG_DATA(header), size);
    } else if (header->cmsg_type == SCM_CREDENTIALS && size == sizeof received_credentials) {
      memcpy(&received_credentials, CMSG_DATA(header), size);
      has_credentials = 1;
    }
  }
  say("%s: %ld \"%s\" flags %#x control %zu%s", what, got, text, message.msg_flags, message.msg_controllen, parts);
}
static void close_received(void) {
  for (int i = 0; i < received_count; ++i) close(received[i]);
}

TEST(rights_of_each_type) {
  for (int i = 0; i < 3; ++i) {
    int ends[2], pipe_ends[2];
    NEED(socketpair(AF_UNIX, kTypes[i], 0, ends) == 0 && pipe(pipe_ends) == 0);
    say("%s", kTypeNames[i]);
    VALUE(send_files(ends[0], "one", pipe_ends, 2, 0));
    VALUE(send_files(ends[0], "two", pipe_ends, 1, 0));
    VALUE(send_files(ends[0], "three", pipe_ends + 1, 1, 0));
    receive("peek", ends[1], 2, sizeof received, MSG_PEEK);
    VALUE(received_count);
    close_received();
    receive("two files", ends[1], 64, sizeof received, 0);
    if (received_count != 2) return;
    int first = received[0], second = received[1];
    TRUTH(first != pipe_ends[0] && second != pipe_ends[1]);
    VALUE(fcntl(first, F_GETFD));
    VALUE(write(second, "through", 7));
    char text[16] = {0};
    VALUE(read(pipe_ends[0], text, 16));
    close_received();
    receive("on exec", ends[1], 64, sizeof received, MSG_CMSG_CLOEXEC);
    if (received_count == 1) VALUE(fcntl(received[0], F_GETFD));
    close_received();
    // Both numbers of the write end are closed while it travels: it stays open.
    close(pipe_ends[1]);
    VALUE(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK));
    VALUE(read(pipe_ends[0], text, 16));
    receive("the last number", ends[1], 64, sizeof received, 0);
    if (received_count == 1) VALUE(write(received[0], "late", 4));
    close_received();
    VALUE(read(pipe_ends[0], text, 16));
    VALUE(read(pipe_ends[0], text, 16));
    close(pipe_ends[0]);
    close(ends[0]);
    close(ends[1]);
  }
}

TEST(rights_without_room) {
  for (int i = 0; i < 3; ++i) {
    int ends[2], zero[3] = {0, 0, 0};
    NEED(socketpair(AF_UNIX, kTypes[i], 0, ends) == 0);
    say("%s", kTypeNames[i]);
    for (int n = 0; n < 6; ++n) NEED(send_files(ends[0], "abc", zero, 3, 0) == 3);
    receive("none", ends[1], 64, 0, 0);
    receive("half a header", ends[1], 64, 8, 0);
    receive("a header", ends[1], 64, sizeof(struct cmsghdr), 0);
    receive("room for one", ends[1], 64, CMSG_LEN(sizeof(int)), 0);
    close_received();
    receive("room for one and a half", ends[1], 64, CMSG_LEN(sizeof(int)) + 2, 0);
    close_received();
    char text[16];
    VALUE(recv(ends[1], text, 16, MSG_DONTWAIT));
    VALUE(recv(ends[1], text, 16, MSG_DONTWAIT));
    // As many numbers as there are.
    NEED(send_files(ends[0], "abc", zero, 3, 0) == 3);
    struct rlimit limit, lower;
    NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    int next = dup(0);
    close(next);
    lower = limit;
    lower.rlim_cur = (rlim_t)next + 2;
    NEED(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    receive("two numbers left", ends[1], 64, sizeof received, 0);
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    close_received();
    close(ends[0]);
    close(ends[1]);
  }
}

TEST(rights_refused) {
  int ends[2], many[kMostPassed + 1] = {0}, bad[2] = {0, 12345};
  NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
  VALUE(send_files(ends[0], "x", bad, 2, 0));
  VALUE(send_files(ends[0], "x", many, kMostPassed + 1, 0));
  VALUE(send_files(ends[0], "x", many, kMostPassed, 0));
  VALUE(send_files(ends[0], "none", many, 0, 0));
  receive("most", ends[1], 8, sizeof received, 0);
  int right = 1;
  for (int i = 0; i < received_count; ++i) right &= fcntl(received[i], F_GETFD) == 0;
  TRUTH(right && received_count == kMostPassed);
  close_received();
  receive("none", ends[1], 8, sizeof received, 0);
  char control[64] = {0};
  struct iovec piece = {"x", 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 24};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_len = 40, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  VALUE(sendmsg(ends[0], &message, 0));
  *header = (struct cmsghdr){.cmsg_len = 8, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  VALUE(sendmsg(ends[0], &message, 0));
  *header = (struct cmsghdr){.cmsg_len = 20, .cmsg_level = SOL_SOCKET, .cmsg_type = 77};
  VALUE(sendmsg(ends[0], &message, 0));
  *header = (struct cmsghdr){.cmsg_len = 20, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
  VALUE(sendmsg(ends[0], &message, 0));
  *header = (struct cmsghdr){.cmsg_len = 20, .cmsg_level = 77, .cmsg_type = SCM_RIGHTS};
  VALUE(sendmsg(ends[0], &message, 0));
  close(ends[0]);
  close(ends[1]);
}

TEST(rights_among_the_bytes_of_a_stream) {
  int ends[2], zero = 0;
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  NEED(send(ends[0], "before", 6, 0) == 6);
  NEED(send_files(ends[0], "WITH", &zero, 1, 0) == 4);
  NEED(send(ends[0], "after", 5, 0) == 5);
  NEED(send_files(ends[0], "AGAIN", &zero, 1, 0) == 5);
  NEED(send_files(ends[0], "", &zero, 1, 0) == 0);
  receive("short", ends[1], 3, sizeof received, 0);
  receive("up to it", ends[1], 60, sizeof received, MSG_PEEK);
  close_received();
  receive("up to it", ends[1], 5, sizeof received, 0);
  close_received();
  receive("its rest, and on", ends[1], 60, sizeof received, MSG_WAITALL);
  close_received();
  receive("nothing", ends[1], 60, sizeof received, 0);
  NEED(send(ends[0], "1234", 4, 0) == 4);
  NEED(send_files(ends[0], "5678", &zero, 1, 0) == 4);
  NEED(send(ends[0], "90", 2, 0) == 2);
  char text[16] = {0};
  VALUE(read(ends[1], text, 16));
  VALUE(read(ends[1], text, 16));
  close(ends[0]);
  close(ends[1]);
}

static void show_credentials(void) {
  if (!has_credentials) return;
  say("own process %d user %d group %d; nobody %d %u %u", received_credentials.pid == getpid(),
      received_credentials.uid == getuid(), received_credentials.gid == getgid(), received_credentials.pid == 0,
      received_credentials.uid == getuid() ? 0 : received_credentials.uid,
      received_credentials.gid == getgid() ? 0 : received_credentials.gid);
}
static long send_credentials(int fd, const char* text, struct ucred who) {
  char control[CMSG_SPACE(sizeof who)] = {0};
  struct iovec piece = {(void*)text, strlen(text)};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof who), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
  memcpy(CMSG_DATA(header), &who, sizeof who);
  return sendmsg(fd, &message, 0);
}

TEST(credentials_of_each_type) {
  for (int i = 0; i < 3; ++i) {
    int ends[2], one = 1, zero = 0;
    NEED(socketpair(AF_UNIX, kTypes[i], 0, ends) == 0);
    say("%s", kTypeNames[i]);
    VALUE(send(ends[0], "unasked", 7, 0));
    VALUE(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    VALUE(send(ends[0], "asked", 5, 0));
    struct ucred who = {getpid(), getuid(), getgid()}, nobody = {0x7ffffff0, getuid(), getgid()};
    VALUE(send_credentials(ends[0], "said", who));
    VALUE(send_credentials(ends[0], "said", nobody));
    VALUE(send_files(ends[0], "file", &zero, 1, 0));
    for (int n = 0; n < 4; ++n) {
      receive("message", ends[1], 64, sizeof received, n == 0 ? MSG_PEEK : 0);
      show_credentials();
      close_received();
    }
    receive("message", ends[1], 64, sizeof received, 0);
    show_credentials();
    close_received();
    VALUE(send_files(ends[0], "file", &zero, 1, 0));
    receive("room for half of them", ends[1], 64, CMSG_LEN(4), 0);
    VALUE(send_files(ends[0], "file", &zero, 1, 0));
    receive("room for them alone", ends[1], 64, CMSG_SPACE(sizeof who), 0);
    VALUE(send(ends[0], "x", 1, 0));
    receive("no room", ends[1], 64, 0, 0);
    close(ends[0]);
    close(ends[1]);
  }
}

// With SO_PASSCRED a socket that sends gets a name.
TEST(credentials_make_a_name) {
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0), server = socket(AF_UNIX, SOCK_DGRAM, 0), one = 1;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  NEED(bind(server, (struct sockaddr*)&name, sizeof(sa_family_t)) == 0);
  socklen_t size = sizeof name;
  NEED(getsockname(server, (struct sockaddr*)&name, &size) == 0);
  NEED(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) == 0);
  VALUE(sendto(fd, "x", 1, 0, (struct sockaddr*)&name, size));
  size = sizeof name;
  VALUE(getsockname(fd, (struct sockaddr*)&name, &size));
  VALUE(size);
  receive("no option here", server, 8, sizeof received, 0);
  close(fd);
  close(server);
}

// Whether the pipe's write end, which only a message holds, is gone within a while.
static int write_end_goes(int read_end) {
  struct pollfd entry = {read_end, POLLIN, 0};
  for (int i = 0; i < 300; ++i) {
    if (poll(&entry, 1, 10) == 1) return 1;
    // Linux looks for unreachable sockets when one ends.
    close(socket(AF_UNIX, SOCK_DGRAM, 0));
  }
  return 0;
}

TEST(rights_go_with_the_socket) {
  for (int i = 0; i < 3; ++i) {
    int ends[2], pipe_ends[2];
    NEED(socketpair(AF_UNIX, kTypes[i], 0, ends) == 0 && pipe(pipe_ends) == 0);
    NEED(send_files(ends[0], "x", pipe_ends + 1, 1, 0) == 1);
    close(pipe_ends[1]);
    close(ends[0]);
    struct pollfd entry = {pipe_ends[0], POLLIN, 0};
    say("%s: before %d", kTypeNames[i], poll(&entry, 1, 0));
    close(ends[1]);
    say("%s: after %d", kTypeNames[i], write_end_goes(pipe_ends[0]));
    close(pipe_ends[0]);
  }
}

TEST(rights_in_circles) {
  for (int i = 0; i < 3; ++i) {
    // Each end is in the other's queue, and a pipe in one of them.
    int ends[2], pipe_ends[2];
    NEED(socketpair(AF_UNIX, kTypes[i], 0, ends) == 0 && pipe(pipe_ends) == 0);
    int with[2] = {ends[1], pipe_ends[1]};
    NEED(send_files(ends[1], "x", with, 2, 0) == 1);
    NEED(send_files(ends[0], "y", ends, 1, 0) == 1);
    close(pipe_ends[1]);
    close(ends[1]);
    // Held from outside by one end: nothing is lost.
    for (int n = 0; n < 5; ++n) close(socket(AF_UNIX, SOCK_DGRAM, 0));
    struct pollfd entry = {pipe_ends[0], POLLIN, 0};
    say("%s: reachable %d", kTypeNames[i], poll(&entry, 1, 20));
    close(ends[0]);
    say("%s: unreachable %d", kTypeNames[i], write_end_goes(pipe_ends[0]));
    close(pipe_ends[0]);
  }
  // By way of a connection that nobody has accepted.
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  socklen_t size = sizeof name;
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), pipe_ends[2];
  NEED(bind(listener, (struct sockaddr*)&name, sizeof(sa_family_t)) == 0 && listen(listener, 1) == 0);
  NEED(getsockname(listener, (struct sockaddr*)&name, &size) == 0);
  NEED(connect(client, (struct sockaddr*)&name, size) == 0 && pipe(pipe_ends) == 0);
  int with[2] = {listener, pipe_ends[1]};
  NEED(send_files(client, "x", with, 2, 0) == 1);
  close(pipe_ends[1]);
  close(listener);
  close(client);
  VALUE(write_end_goes(pipe_ends[0]));
  close(pipe_ends[0]);
}

// A chain of sockets, each in the queue of the next: it goes as a whole, however long it is.
TEST(rights_in_a_long_chain) {
  int pipe_ends[2], held, ends[2];
  NEED(pipe(pipe_ends) == 0);
  held = pipe_ends[1];
  for (int i = 0; i < 1000; ++i) {
    NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    NEED(send_files(ends[0], "x", &held, 1, 0) == 1);
    close(held);
    close(ends[0]);
    held = ends[1];
  }
  struct pollfd entry = {pipe_ends[0], POLLIN, 0};
  VALUE(poll(&entry, 1, 0));
  close(held);
  VALUE(write_end_goes(pipe_ends[0]));
  close(pipe_ends[0]);
}

// A listening socket is not shut down while it travels.
TEST(rights_of_a_listener) {
  int ends[2], server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr address = {.sa_family = AF_INET};
  socklen_t size = sizeof address;
  NEED(server >= 0 && listen(server, 4) == 0);
  NEED(getsockname(server, &address, &size) == 0);
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  NEED(send_files(ends[0], "x", &server, 1, 0) == 1);
  close(server);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  ((unsigned char*)&address)[4] = 127;
  ((unsigned char*)&address)[7] = 1;
  VALUE(connect(client, &address, size) == 0);
  receive("listener", ends[1], 8, sizeof received, 0);
  if (received_count == 1) {
    int accepted = accept(received[0], NULL, NULL);
    TRUTH(accepted >= 0);
    close(accepted);
  }
  close_received();
  close(client);
  close(ends[0]);
  close(ends[1]);
}

static int shared_end;
static void* pass_in_circles(void* unused) {
  for (int i = 0; i < 150; ++i) {
    int type = kTypes[i % 3], ends[2], other[2];
    if (socketpair(AF_UNIX, type, 0, ends) != 0 || socketpair(AF_UNIX, type, 0, other) != 0) return (void*)1;
    int with[3] = {ends[i & 1], other[0], shared_end};
    int sent = send_files(ends[0], "x", with, 3, 0) == 1 && send_files(other[0], "y", ends, 2, 0) == 1 &&
               send_files(ends[1], "z", other, 2, 0) == 1;
    if (!sent) return (void*)2;
    if (i % 4 == 0) {
      // Some are read again, while other threads look for those that nobody can read.
      char text[8], control[256];
      struct iovec piece = {text, sizeof text};
      struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
      if (recvmsg(ends[1], &message, MSG_DONTWAIT) != 1) return (void*)3;
      struct cmsghdr* header = CMSG_FIRSTHDR(&message);
      if (header == NULL || header->cmsg_len != CMSG_LEN(sizeof with)) return (void*)4;
      memcpy(with, CMSG_DATA(header), sizeof with);
      for (int n = 0; n < 3; ++n) close(with[n]);
    }
    for (int n = 0; n < 2; ++n) close(ends[n]), close(other[n]);
  }
  return unused;
}

TEST(rights_in_circles_of_many_threads) {
  int pipe_ends[2];
  unsigned long threads[4];
  NEED(pipe(pipe_ends) == 0);
  shared_end = pipe_ends[1];
  for (int i = 0; i < 4; ++i) threads[i] = start_thread(pass_in_circles, NULL);
  for (int i = 0; i < 4; ++i) VALUE((long)join_thread(threads[i]));
  close(pipe_ends[1]);
  VALUE(write_end_goes(pipe_ends[0]));
  close(pipe_ends[0]);
}
