// SPDX-License-Identifier: Apache-2.0
//
// TCP over loopback: making connections, moving bytes, ending them, and every error on the way.

#include "suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

static struct sockaddr_in loopback_port(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A listener on a port of the kernel's choice.
static int listener(struct sockaddr_in* address, int backlog) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  *address = loopback_port(0);
  NEED(bind(s, (struct sockaddr*)address, sizeof *address) == 0);
  NEED(listen(s, backlog) == 0);
  socklen_t size = sizeof *address;
  NEED(getsockname(s, (struct sockaddr*)address, &size) == 0);
  return s;
}

struct pair {
  int listener, client, server;
};
static struct pair connected(void) {
  struct pair p;
  struct sockaddr_in address;
  p.listener = listener(&address, 5);
  p.client = socket(AF_INET, SOCK_STREAM, 0);
  NEED(connect(p.client, (struct sockaddr*)&address, sizeof address) == 0);
  p.server = accept(p.listener, NULL, NULL);
  NEED(p.server >= 0);
  return p;
}
static void close_pair(struct pair p) {
  close(p.client);
  close(p.server);
  close(p.listener);
}

static int events_of(int s) {
  struct pollfd entry = {s, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}
static int pending_error(int s) {
  int error = -1;
  socklen_t size = sizeof error;
  NEED(getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  return error;
}
// Waits until the events are there, so that no packet's delay shows.
static void await(int s, int events) {
  struct pollfd entry = {s, events, 0};
  NEED(poll(&entry, 1, 2000) == 1);
}

TEST(tcp_makes_sockets) {
  VALUE(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  VALUE(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
  VALUE(socket(AF_INET, SOCK_SEQPACKET, 0));
  VALUE(socket(AF_INET, SOCK_RDM, 0));
  VALUE(socket(AF_INET, 11, 0));
  VALUE(socket(AF_INET, SOCK_STREAM, -1));
  VALUE(socket(AF_INET, SOCK_STREAM, 300));
  VALUE(socket(AF_INET, SOCK_STREAM | 0x100, 0));
  VALUE(socket(200, SOCK_STREAM, 0));
  VALUE(socket(-1, SOCK_STREAM, 0));
  int ends[2];
  VALUE(socketpair(AF_INET, SOCK_STREAM, 0, ends));
  int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  TRUTH(fcntl(s, F_GETFL) == (O_RDWR | O_NONBLOCK));
  VALUE(fcntl(s, F_GETFD));
  VALUE(events_of(s));
  int value = -1;
  socklen_t size = sizeof value;
  for (int name = 0; name < 3; ++name) {
    static const int names[] = {SO_TYPE, SO_DOMAIN, SO_PROTOCOL};
    getsockopt(s, SOL_SOCKET, names[name], &value, &size);
    VALUE(value);
  }
  char byte;
  VALUE(read(s, &byte, 1));
  VALUE(recv(s, &byte, 1, 0));
  VALUE(send(s, "x", 1, MSG_NOSIGNAL));
  VALUE(shutdown(s, SHUT_RD));
  VALUE(shutdown(s, 7));
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  VALUE(getpeername(s, (struct sockaddr*)&name, &length));
  length = sizeof name;
  VALUE(getsockname(s, (struct sockaddr*)&name, &length));
  VALUE(length);
  TRUTH(((struct sockaddr_in*)&name)->sin_port == 0 && ((struct sockaddr_in*)&name)->sin_addr.s_addr == 0);
  VALUE(accept(s, NULL, NULL));
  VALUE(lseek(s, 0, SEEK_CUR));
  VALUE(pread(s, &byte, 1, 0));
  close(s);
  VALUE(listen(1 << 20, 1));
  VALUE(getsockname(0, (struct sockaddr*)&name, &length));
}

TEST(tcp_binds) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = loopback_port(0);
  VALUE(bind(s, (struct sockaddr*)&address, 4));
  VALUE(bind(s, (struct sockaddr*)&address, 15));
  VALUE(bind(s, (struct sockaddr*)&address, 200));
  VALUE(bind(s, (struct sockaddr*)8, sizeof address));
  address.sin_family = AF_INET6;
  VALUE(bind(s, (struct sockaddr*)&address, sizeof address));
  address.sin_family = AF_UNSPEC;
  VALUE(bind(s, (struct sockaddr*)&address, sizeof address));
  address = loopback_port(0);
  address.sin_addr.s_addr = inet_addr("192.0.2.1");
  VALUE(bind(s, (struct sockaddr*)&address, sizeof address));
  address.sin_addr.s_addr = inet_addr("224.0.0.5");
  VALUE(bind(s, (struct sockaddr*)&address, sizeof address));
  close(s);
  s = socket(AF_INET, SOCK_STREAM, 0);
  address = loopback_port(0);
  VALUE(bind(s, (struct sockaddr*)&address, sizeof address));
  VALUE(bind(s, (struct sockaddr*)&address, sizeof address));
  socklen_t size = sizeof address;
  VALUE(getsockname(s, (struct sockaddr*)&address, &size));
  TRUTH(ntohs(address.sin_port) >= 32768 && address.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  // A room that is too small is filled, and the whole size told.
  struct sockaddr_in part;
  memset(&part, 0x55, sizeof part);
  size = 4;
  VALUE(getsockname(s, (struct sockaddr*)&part, &size));
  VALUE(size);
  TRUTH(part.sin_port == address.sin_port && part.sin_addr.s_addr == 0x55555555);
  size = -1;
  VALUE(getsockname(s, (struct sockaddr*)&part, &size));

  // Who may share the port.
  int one = 1;
  int other = socket(AF_INET, SOCK_STREAM, 0);
  VALUE(bind(other, (struct sockaddr*)&address, size = sizeof address));
  struct sockaddr_in wild = address;
  wild.sin_addr.s_addr = 0;
  VALUE(bind(other, (struct sockaddr*)&wild, sizeof wild));
  struct sockaddr_in second = address;
  second.sin_addr.s_addr = inet_addr("127.0.0.2");
  VALUE(bind(other, (struct sockaddr*)&second, sizeof second));
  close(other);
  other = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  VALUE(bind(other, (struct sockaddr*)&address, sizeof address));  // the first has not the option
  close(other);
  close(s);

  s = socket(AF_INET, SOCK_STREAM, 0);
  other = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  NEED(bind(s, (struct sockaddr*)&address, sizeof address) == 0);
  VALUE(bind(other, (struct sockaddr*)&address, sizeof address));
  VALUE(listen(s, 1));
  VALUE(listen(other, 1));
  close(other);
  other = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  VALUE(bind(other, (struct sockaddr*)&address, sizeof address));  // a listener does not share
  close(other);
  close(s);

  s = socket(AF_INET, SOCK_STREAM, 0);
  other = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  NEED(bind(s, (struct sockaddr*)&address, sizeof address) == 0);
  VALUE(bind(other, (struct sockaddr*)&address, sizeof address));
  VALUE(listen(s, 50));
  VALUE(listen(other, 50));
  int taken[2] = {0, 0};
  fcntl(s, F_SETFL, O_NONBLOCK);
  fcntl(other, F_SETFL, O_NONBLOCK);
  for (int i = 0; i < 40; ++i) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    NEED(connect(client, (struct sockaddr*)&address, sizeof address) == 0);
    int server = accept(s, NULL, NULL);
    if (server >= 0) ++taken[0];
    else if ((server = accept(other, NULL, NULL)) >= 0) ++taken[1];
    struct linger now = {1, 0};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(client);
    close(server);
  }
  TRUTH(taken[0] > 0 && taken[1] > 0 && taken[0] + taken[1] == 40);
  close(s);
  close(other);
}

TEST(tcp_connects_and_echoes) {
  struct pair p = connected();
  struct sockaddr_in a, b;
  socklen_t size = sizeof a;
  VALUE(getpeername(p.client, (struct sockaddr*)&a, &size));
  VALUE(getsockname(p.server, (struct sockaddr*)&b, &size));
  TRUTH(a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr);
  VALUE(getsockname(p.client, (struct sockaddr*)&a, &size));
  VALUE(getpeername(p.server, (struct sockaddr*)&b, &size));
  TRUTH(a.sin_port == b.sin_port && a.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  VALUE(events_of(p.client));
  VALUE(events_of(p.server));
  VALUE(write(p.client, "hello", 5));
  await(p.server, POLLIN);
  VALUE(events_of(p.server));
  int waiting = -1;
  VALUE(ioctl(p.server, FIONREAD, &waiting));
  VALUE(waiting);
  char text[32] = {0};
  VALUE(recv(p.server, text, 3, MSG_PEEK));
  say("%.3s", text);
  VALUE(recv(p.server, text, sizeof text, MSG_PEEK));
  VALUE(recv(p.server, NULL, 2, MSG_TRUNC));
  VALUE(read(p.server, text, sizeof text));
  say("%.3s", text);
  VALUE(recv(p.server, text, 1, MSG_DONTWAIT));
  VALUE(recv(p.server, text, 0, MSG_DONTWAIT));
  VALUE(read(p.server, text, 0));
  VALUE(write(p.server, "", 0));
  struct iovec parts[3] = {{"ab", 2}, {NULL, 0}, {"cde", 3}};
  VALUE(writev(p.server, parts, 3));
  char first[2], second[8];
  struct iovec into[2] = {{first, 2}, {second, 8}};
  VALUE(readv(p.client, into, 2));
  say("%.2s %.3s", first, second);
  // The address of a message is not looked at, and none comes back.
  struct sockaddr_in name = loopback_port(9);
  VALUE(sendto(p.client, "z", 1, 0, (struct sockaddr*)&name, sizeof name));
  size = sizeof name;
  VALUE(recvfrom(p.server, text, 8, 0, (struct sockaddr*)&name, &size));
  VALUE(size);
  VALUE(connect(p.client, (struct sockaddr*)&a, sizeof a));
  VALUE(connect(p.listener, (struct sockaddr*)&a, sizeof a));
  VALUE(listen(p.client, 1));
  VALUE(bind(p.client, (struct sockaddr*)&a, sizeof a));
  VALUE(read(p.client, (char*)8, 0));
  VALUE(write(p.client, (char*)8, 4));
  NEED(write(p.server, "q", 1) == 1);
  await(p.client, POLLIN);
  VALUE(read(p.client, (char*)8, 4));
  VALUE(read(p.client, text, 4));
  VALUE(recv(p.client, text, 4, MSG_ERRQUEUE));
  VALUE(send(p.client, "x", 1, MSG_OOB | MSG_DONTWAIT));
  VALUE(ioctl(p.listener, FIONREAD, &waiting));
  VALUE(read(p.listener, text, 1));
  VALUE(send(p.listener, text, 1, MSG_NOSIGNAL));
  close_pair(p);
}

TEST(tcp_connection_refused) {
  struct sockaddr_in address;
  int s = listener(&address, 1);
  close(s);
  s = socket(AF_INET, SOCK_STREAM, 0);
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  VALUE(events_of(s));
  VALUE(pending_error(s));
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  struct sockaddr_in own;
  socklen_t size = sizeof own;
  // The same socket still connects.
  struct sockaddr_in good;
  int l = listener(&good, 1);
  VALUE(connect(s, (struct sockaddr*)&good, sizeof good));
  close(l);
  close(s);

  s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  await(s, POLLOUT);
  VALUE(events_of(s));
  VALUE(getpeername(s, (struct sockaddr*)&own, &size));
  VALUE(pending_error(s));
  VALUE(pending_error(s));
  VALUE(events_of(s));
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  await(s, POLLOUT);
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  char byte;
  VALUE(read(s, &byte, 1));
  VALUE(send(s, "x", 1, MSG_NOSIGNAL));
  close(s);

  s = socket(AF_INET, SOCK_STREAM, 0);
  VALUE(connect(s, (struct sockaddr*)&address, 8));
  VALUE(connect(s, (struct sockaddr*)8, sizeof address));
  address.sin_family = AF_INET6;
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  close(s);
}

TEST(tcp_nonblocking_connect) {
  struct sockaddr_in address;
  int l = listener(&address, 5);
  int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  await(s, POLLOUT);
  VALUE(events_of(s));
  VALUE(pending_error(s));
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address));
  int server = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  TRUTH((fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
  VALUE(fcntl(server, F_GETFD));
  VALUE(accept4(l, NULL, NULL, 0x10));
  fcntl(l, F_SETFL, O_NONBLOCK);
  VALUE(accept(l, NULL, NULL));
  VALUE(events_of(l));
  struct sockaddr_in unspecified = {.sin_family = AF_UNSPEC};
  VALUE(connect(s, (struct sockaddr*)&unspecified, sizeof unspecified));
  VALUE(events_of(s) & (POLLIN | POLLOUT | POLLHUP));
  await(server, POLLIN);
  char byte;
  VALUE(read(server, &byte, 1));
  VALUE(read(server, &byte, 1));
  close(server);
  close(s);
  close(l);
}

TEST(tcp_half_close) {
  struct pair p = connected();
  char text[16];
  NEED(write(p.client, "last", 4) == 4);
  VALUE(shutdown(p.client, SHUT_WR));
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  await(p.server, POLLRDHUP);
  VALUE(events_of(p.server));
  VALUE(read(p.server, text, sizeof text));
  VALUE(read(p.server, text, sizeof text));
  VALUE(read(p.server, text, sizeof text));
  VALUE(write(p.server, "answer", 6));
  await(p.client, POLLIN);
  VALUE(read(p.client, text, sizeof text));
  VALUE(events_of(p.client));
  VALUE(shutdown(p.server, SHUT_WR));
  await(p.client, POLLHUP);
  VALUE(events_of(p.client));
  VALUE(events_of(p.server) & (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
  VALUE(read(p.client, text, sizeof text));
  VALUE(shutdown(p.client, SHUT_RDWR));
  VALUE(shutdown(p.server, SHUT_RDWR));
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  VALUE(getpeername(p.client, (struct sockaddr*)&name, &size));
  VALUE(pending_error(p.client));
  close_pair(p);

  p = connected();
  VALUE(shutdown(p.client, SHUT_RD));
  VALUE(events_of(p.client));
  VALUE(read(p.client, text, sizeof text));
  NEED(write(p.server, "more", 4) == 4);
  sleep_ms(20);
  VALUE(read(p.client, text, sizeof text));  // Linux goes on receiving
  VALUE(read(p.client, text, sizeof text));
  close_pair(p);
}

TEST(tcp_end_of_file_and_broken_pipe) {
  struct pair p = connected();
  char byte;
  close(p.server);
  await(p.client, POLLIN);
  VALUE(events_of(p.client));
  VALUE(read(p.client, &byte, 1));
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  await(p.client, POLLHUP);
  VALUE(events_of(p.client));
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  VALUE(read(p.client, &byte, 1));
  VALUE(events_of(p.client));
  VALUE(shutdown(p.client, SHUT_WR));
  close(p.client);
  close(p.listener);
}

static volatile sig_atomic_t pipe_signals;
static void count_pipe(int signal) { ++pipe_signals; }
TEST(tcp_sigpipe) {
  struct sigaction action = {.sa_handler = count_pipe}, former;
  sigaction(SIGPIPE, &action, &former);
  pipe_signals = 0;
  struct pair p = connected();
  shutdown(p.client, SHUT_WR);
  VALUE(write(p.client, "x", 1));
  VALUE(pipe_signals);
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  VALUE(pipe_signals);
  struct iovec part = {"y", 1};
  VALUE(writev(p.client, &part, 1));
  VALUE(pipe_signals);
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  VALUE(sendmsg(p.client, &message, 0));
  VALUE(pipe_signals);
  VALUE(write(p.client, "", 0));
  close_pair(p);
  sigaction(SIGPIPE, &former, NULL);
}

TEST(tcp_reset) {
  struct pair p = connected();
  struct linger now = {1, 0};
  char text[16];
  NEED(write(p.server, "data", 4) == 4);
  await(p.client, POLLIN);
  NEED(setsockopt(p.server, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  close(p.server);
  await(p.client, POLLERR);
  VALUE(events_of(p.client));
  VALUE(read(p.client, text, sizeof text));  // what came before is still there
  VALUE(read(p.client, text, sizeof text));
  VALUE(read(p.client, text, sizeof text));
  VALUE(events_of(p.client));
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  close(p.client);
  close(p.listener);

  // Closing with bytes unread is a reset, too.
  p = connected();
  NEED(write(p.client, "data", 4) == 4);
  await(p.server, POLLIN);
  close(p.server);
  await(p.client, POLLERR);
  VALUE(pending_error(p.client));
  VALUE(pending_error(p.client));
  VALUE(read(p.client, text, sizeof text));
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  close(p.client);
  close(p.listener);

  p = connected();
  setsockopt(p.server, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(p.server);
  await(p.client, POLLERR);
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  VALUE(send(p.client, "x", 1, MSG_NOSIGNAL));
  close(p.client);
  close(p.listener);
}

TEST(tcp_listener_goes) {
  struct sockaddr_in address;
  int l = listener(&address, 5);
  int s = socket(AF_INET, SOCK_STREAM, 0);
  NEED(connect(s, (struct sockaddr*)&address, sizeof address) == 0);
  await(l, POLLIN);
  VALUE(events_of(l));
  close(l);
  await(s, POLLERR);
  char byte;
  VALUE(read(s, &byte, 1));
  close(s);

  l = listener(&address, 5);
  VALUE(shutdown(l, SHUT_WR));
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &value, &size);
  VALUE(value);
  VALUE(shutdown(l, SHUT_RD));
  getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &value, &size);
  VALUE(value);
  VALUE(accept(l, NULL, NULL));
  VALUE(events_of(l));
  VALUE(listen(l, 5));
  s = socket(AF_INET, SOCK_STREAM, 0);
  VALUE(connect(s, (struct sockaddr*)&address, sizeof address) == 0 || errno == ECONNREFUSED);
  close(s);
  close(l);
}

static void* accept_one(void* argument) {
  int s = accept(*(int*)argument, NULL, NULL);
  return (void*)(long)(s < 0 ? -errno : s);
}
TEST(tcp_shutdown_ends_accept) {
  struct sockaddr_in address;
  int l = listener(&address, 5);
  unsigned long thread = start_thread(accept_one, &l);
  sleep_ms(30);
  VALUE(shutdown(l, SHUT_RDWR));
  VALUE((long)join_thread(thread));
  close(l);
}

TEST(tcp_backlog) {
  struct sockaddr_in address;
  int l = listener(&address, 1);
  int clients[2];
  for (int i = 0; i < 2; ++i) {
    clients[i] = socket(AF_INET, SOCK_STREAM, 0);
    VALUE(connect(clients[i], (struct sockaddr*)&address, sizeof address));
    VALUE(write(clients[i], i == 0 ? "0" : "1", 1));
  }
  // The queue is full: nobody answers for now.
  int late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  VALUE(connect(late, (struct sockaddr*)&address, sizeof address));
  sleep_ms(30);
  VALUE(events_of(late));
  VALUE(connect(late, (struct sockaddr*)&address, sizeof address));
  for (int i = 0; i < 2; ++i) {
    int s = accept(l, NULL, NULL);
    char byte = '?';
    NEED(read(s, &byte, 1) == 1);
    say("first in, first out: %c", byte);
    close(s);
  }
  await(late, POLLOUT);
  VALUE(pending_error(late));
  int s = accept(l, NULL, NULL);
  TRUTH(s >= 0);
  close(s);
  close(late);
  close(clients[0]);
  close(clients[1]);
  close(l);
}

struct flow {
  int socket;
  long bytes, wrong;
};
static void* sink(void* argument) {
  struct flow* flow = argument;
  static char block[7777];
  for (ssize_t n; (n = read(flow->socket, block, sizeof block)) > 0; flow->bytes += n) {
    for (ssize_t i = 0; i < n; ++i) flow->wrong += block[i] != (char)((flow->bytes + i) * 13);
  }
  return NULL;
}
TEST(tcp_carries_megabytes) {
  struct pair p = connected();
  struct flow flow = {p.server, 0, 0};
  unsigned long thread = start_thread(sink, &flow);
  static char block[100003];
  long sent = 0;
  for (int i = 0; i < 80; ++i) {
    for (size_t k = 0; k < sizeof block; ++k) block[k] = (char)((sent + k) * 13);
    ssize_t n = write(p.client, block, sizeof block);
    NEED(n == (ssize_t)sizeof block);
    sent += n;
  }
  shutdown(p.client, SHUT_WR);
  join_thread(thread);
  VALUE(flow.bytes);
  VALUE(flow.wrong);
  close_pair(p);
}

TEST(tcp_sendfile) {
  int file = open(scratch("sent"), O_RDWR | O_CREAT, 0600);
  static char block[100003];
  for (int i = 0; i < 30; ++i) {
    for (size_t k = 0; k < sizeof block; ++k) block[k] = (char)((i * sizeof block + k) * 13);
    NEED(write(file, block, sizeof block) == (ssize_t)sizeof block);
  }
  struct pair p = connected();
  struct flow flow = {p.server, 0, 0};
  unsigned long thread = start_thread(sink, &flow);
  off_t at = 0;
  VALUE(sendfile(p.client, file, &at, 5000));
  VALUE(at);
  VALUE(lseek(file, 5000, SEEK_SET));
  VALUE(sendfile(p.client, file, NULL, 1));
  VALUE(lseek(file, 0, SEEK_CUR));
  long sent = 5001;
  while (sent < 30 * (long)sizeof block) {
    ssize_t n = sendfile(p.client, file, NULL, 1 << 30);
    NEED(n > 0);
    if (n <= 0) break;
    sent += n;
  }
  VALUE(sendfile(p.client, file, NULL, 10));
  VALUE(sent);
  shutdown(p.client, SHUT_WR);
  join_thread(thread);
  VALUE(flow.bytes);
  VALUE(flow.wrong);
  at = 0;
  signal(SIGPIPE, SIG_IGN);
  VALUE(sendfile(p.client, file, &at, 10));
  signal(SIGPIPE, SIG_DFL);
  at = -1;
  VALUE(sendfile(p.server, file, &at, 10));
  close_pair(p);
  p = connected();
  fcntl(p.client, F_SETFL, O_NONBLOCK);
  at = 0;
  ssize_t n;
  long first = 0;
  while ((n = sendfile(p.client, file, &at, 1 << 20)) > 0 && at < 30 * (long)sizeof block) first += n;
  TRUTH(at == first + (n > 0 ? n : 0));
  close_pair(p);
  close(file);
  unlink(scratch("sent"));
}

TEST(tcp_fills_up) {
  struct pair p = connected();
  fcntl(p.client, F_SETFL, O_NONBLOCK);
  int small = 16384;
  setsockopt(p.client, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  static char block[65536];
  long total = 0;
  ssize_t n;
  while ((n = write(p.client, block, sizeof block)) > 0) total += n;
  say("%s", check_errno_name(errno));
  TRUTH(total > 16384);
  VALUE(events_of(p.client));
  struct timeval limit = {0, 30000};
  NEED(setsockopt(p.client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
  fcntl(p.client, F_SETFL, 0);
  VALUE(write(p.client, block, sizeof block));
  long read_back = 0;
  while ((n = recv(p.server, block, sizeof block, MSG_DONTWAIT)) > 0 || (sleep_ms(5), read_back < total)) {
    if (n > 0) read_back += n;
  }
  TRUTH(read_back == total);
  await(p.client, POLLOUT);
  VALUE(events_of(p.client));
  close_pair(p);
}

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
