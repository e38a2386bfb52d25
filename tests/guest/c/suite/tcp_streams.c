// SPDX-License-Identifier: Apache-2.0
//
// TCP over loopback as a carrier of many bytes: what arrives, what is held while nobody reads, sendfile, full buffers.

#include "tcp_pair.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>

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

// Programs send all that they have before they read an answer, and count on the buffers of both ways.
enum { kSentUnread = 2 << 20 };
static void* echo(void* argument) {
  struct flow* flow = argument;
  static char block[65536];
  for (ssize_t n; (n = read(flow->socket, block, sizeof block)) > 0; flow->bytes += n) {
    if (write(flow->socket, block, n) != n) break;
  }
  shutdown(flow->socket, SHUT_WR);
  return NULL;
}
TEST(tcp_holds_what_nobody_reads_yet) {
  struct pair p = connected();
  struct flow flow = {p.server, 0, 0};
  unsigned long thread = start_thread(echo, &flow);
  struct timeval limit = {20, 0};  // a full path must end the test, and not stop it
  NEED(setsockopt(p.client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
  static char block[65536];
  long sent = 0, back = 0;
  for (ssize_t n; sent < kSentUnread && (n = write(p.client, block, sizeof block)) > 0; sent += n) {}
  VALUE(sent);
  shutdown(p.client, SHUT_WR);
  for (ssize_t n; (n = read(p.client, block, sizeof block)) > 0; back += n) {}
  VALUE(back);
  join_thread(thread);
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
