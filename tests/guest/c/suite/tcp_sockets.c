// SPDX-License-Identifier: Apache-2.0
//
// TCP over loopback: making connections, moving bytes, ending them, and every error on the way.

#include "tcp_pair.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>

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
