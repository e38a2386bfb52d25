// SPDX-License-Identifier: Apache-2.0
//
// The client of the network benchmarks, on the host: one thread, an epoll, a fixed number of HTTP/1.1
// connections that are kept alive, one request at a time on each. Latencies go into a histogram of 64 steps
// to each power of two, so a percentile is right to 1.6 per cent.
//
//   load ADDRESS PORT get PATH CONNECTIONS COUNT SECONDS       GET until COUNT answers or SECONDS are over
//   load ADDRESS PORT put PATH CONNECTIONS COUNT SECONDS SIZE  the same with a body of SIZE bytes by POST
//   load ADDRESS PORT wait PATH SECONDS                        new connections until one answers 200
//   load ADDRESS PORT idle COUNT                               one connection, after a line of input COUNT more;
//                                                              closes them at the end of its input
//
// It says: "requests N seconds S bytes B p50 X p99 Y p999 Z max M", times in seconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "figure.h"

enum { kMostConnections = 1024, kHeadSize = 4096, kSteps = 64, kPowers = 48, kBufferSize = 1 << 18 };

struct connection {
  int socket;
  double asked_at;
  size_t sent;       // of the request, head and body
  size_t head_size;  // of the answer's head, as far as it has come
  int64_t body_left; // -1 while the head is not whole
  char head[kHeadSize + 1];
};

static struct sockaddr_in server;
static struct connection connections[kMostConnections];
static char request_head[1024];
static size_t request_head_size, body_size;
static char buffer[kBufferSize];
static uint64_t histogram[kPowers * kSteps], answers, bytes;
static double longest;

static size_t bucket_of(uint64_t nanoseconds) {
  if (nanoseconds < kSteps) return nanoseconds;
  const int shift = 63 - __builtin_clzll(nanoseconds) - 6;  // 2^6 steps
  return (size_t)(shift + 1) * kSteps + (nanoseconds >> shift) - kSteps;
}

static double middle_of(size_t bucket) {
  if (bucket < kSteps) return (double)bucket * 1e-9;
  const size_t shift = bucket / kSteps - 1;
  return ((double)(bucket % kSteps + kSteps) + 0.5) * (double)(1ull << shift) * 1e-9;
}

static double percentile(double share) {
  const uint64_t wanted = (uint64_t)((double)answers * share);
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kPowers * kSteps; ++bucket)
    if ((seen += histogram[bucket]) > wanted) return middle_of(bucket);
  return longest;
}

static int connect_to_server(int flags) {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  require(made >= 0, "socket");
  const int one = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const int outcome = connect(made, (struct sockaddr*)&server, sizeof server);
  require(outcome == 0 || errno == EINPROGRESS, "connect");
  return made;
}

static void set_blocking(int socket, int is_blocking) {
  require(fcntl(socket, F_SETFL, is_blocking ? 0 : O_NONBLOCK) == 0, "fcntl");
}

static void send_rest(struct connection* connection) {
  const size_t whole = request_head_size + body_size;
  while (connection->sent < whole) {
    const int in_head = connection->sent < request_head_size;
    size_t count = in_head ? request_head_size - connection->sent : whole - connection->sent;
    if (!in_head && count > sizeof buffer) count = sizeof buffer;
    const char* from = in_head ? request_head + connection->sent : buffer;
    const ssize_t done = send(connection->socket, from, count, MSG_NOSIGNAL | (in_head && body_size ? MSG_MORE : 0));
    if (done < 0 && errno == EAGAIN) return;
    require(done > 0, "send");
    connection->sent += (size_t)done;
  }
}

static void ask(struct connection* connection) {
  connection->asked_at = now_seconds();
  connection->sent = connection->head_size = 0;
  connection->body_left = -1;
  send_rest(connection);
}

// Reads the length out of a whole head; what is read beyond it belongs to the body.
static void take_head(struct connection* connection) {
  connection->head[connection->head_size] = 0;
  char* end = strstr(connection->head, "\r\n\r\n");
  if (!end) {
    require(connection->head_size < kHeadSize, "an answer's head is too long");
    return;
  }
  if (strncmp(connection->head, "HTTP/1.1 200", 12)) {
    fprintf(stderr, "load: %.*s\n", (int)(end - connection->head), connection->head);
    exit(1);
  }
  const char* length = strcasestr(connection->head, "\r\nContent-Length:");
  require(length && length < end, "an answer without its length");
  const size_t beyond = connection->head_size - (size_t)(end + 4 - connection->head);
  connection->body_left = strtoll(length + 17, NULL, 10) - (int64_t)beyond;
}

// True when an answer is whole.
static int read_answer(struct connection* connection) {
  for (;;) {
    const int in_head = connection->body_left < 0;
    char* to = in_head ? connection->head + connection->head_size : buffer;
    const ssize_t done = recv(connection->socket, to, in_head ? kHeadSize - connection->head_size : sizeof buffer, 0);
    if (done < 0 && errno == EAGAIN) return 0;
    require(done > 0, "the server ended a connection");
    bytes += (uint64_t)done;
    if (in_head) {
      connection->head_size += (size_t)done;
      take_head(connection);
    } else {
      connection->body_left -= done;
    }
    if (connection->body_left == 0) return 1;
  }
}

static void note_latency(double seconds) {
  ++answers;
  if (seconds > longest) longest = seconds;
  size_t bucket = bucket_of((uint64_t)(seconds * 1e9));
  if (bucket >= kPowers * kSteps) bucket = kPowers * kSteps - 1;
  ++histogram[bucket];
}

static void run_load(int count, uint64_t most_answers, double most_seconds) {
  require(count > 0 && count <= kMostConnections, "number of connections");
  const int set = epoll_create1(EPOLL_CLOEXEC);
  for (int index = 0; index < count; ++index) {
    connections[index].socket = connect_to_server(0);
    struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = &connections[index]}};
    require(epoll_ctl(set, EPOLL_CTL_ADD, connections[index].socket, &event) == 0, "epoll_ctl");
    // Connected by a call that waits, used by calls that do not.
    set_blocking(connections[index].socket, 0);
  }
  const double began = now_seconds();
  for (int index = 0; index < count; ++index) ask(&connections[index]);
  double now = began;
  while (answers < most_answers && now - began < most_seconds) {
    struct epoll_event events[64];
    const int ready = epoll_wait(set, events, 64, 30000);
    require(ready > 0 || errno == EINTR, "no answer in 30 seconds");
    for (int index = 0; index < ready; ++index) {
      struct connection* connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_rest(connection);
      if (!(events[index].events & EPOLLIN) || !read_answer(connection)) continue;
      now = now_seconds();
      note_latency(now - connection->asked_at);
      ask(connection);
    }
  }
  printf("requests %llu seconds %.6f bytes %llu p50 %.9f p99 %.9f p999 %.9f max %.9f\n", (unsigned long long)answers,
         now - began, (unsigned long long)bytes, percentile(0.5), percentile(0.99), percentile(0.999), longest);
}

// One attempt each 10 ms, a tenth of a second for each: a SYN that comes before anybody listens is lost, and TCP
// would send it again only a second later, which is not what is measured.
static void wait_for_answer(double most_seconds) {
  enum { kAttempts = 16 };
  int attempts[kAttempts];
  for (int index = 0; index < kAttempts; ++index) attempts[index] = -1;
  const double began = now_seconds();
  for (int turn = 0; now_seconds() - began < most_seconds; turn = (turn + 1) % kAttempts) {
    if (attempts[turn] >= 0) close(attempts[turn]);
    attempts[turn] = connect_to_server(SOCK_NONBLOCK);
    struct pollfd polled[kAttempts];
    for (int index = 0; index < kAttempts; ++index) polled[index] = (struct pollfd){attempts[index], POLLOUT, 0};
    const double until = now_seconds() + 0.010;
    while (now_seconds() < until) {
      poll(polled, kAttempts, 2);
      for (int index = 0; index < kAttempts; ++index) {
        if (polled[index].fd < 0 || !polled[index].revents) continue;
        const int is_connected = !(polled[index].revents & (POLLERR | POLLHUP));
        if (is_connected) {
          const int socket = polled[index].fd;
          set_blocking(socket, 1);
          const struct timeval patience = {30, 0};
          setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
          char head[13] = "";
          if (send(socket, request_head, request_head_size, MSG_NOSIGNAL) > 0 &&
              recv(socket, head, 12, MSG_WAITALL) == 12 && !strcmp(head, "HTTP/1.1 200"))
            return;
        }
        close(attempts[index]);
        attempts[index] = polled[index].fd = -1;
      }
    }
  }
  require(0, "nobody answered");
}

static void hold_connections(int count) {
  const struct rlimit many = {(rlim_t)count + 64, (rlim_t)count + 64};
  require(setrlimit(RLIMIT_NOFILE, &many) == 0, "setrlimit");
  connect_to_server(0);
  require(read(STDIN_FILENO, buffer, sizeof buffer) > 0, "a line that says to go on");
  for (int index = 0; index < count; ++index) connect_to_server(0);
  while (read(STDIN_FILENO, buffer, sizeof buffer) > 0) {
  }
}

int main(int count, char** words) {
  require(count >= 5, "usage");
  server.sin_family = AF_INET;
  server.sin_port = htons((uint16_t)atoi(words[2]));
  require(inet_pton(AF_INET, words[1], &server.sin_addr) == 1, words[1]);
  if (!strcmp(words[3], "idle")) {
    hold_connections(atoi(words[4]));
    return 0;
  }
  const int is_put = !strcmp(words[3], "put");
  if (is_put) body_size = (size_t)strtoull(words[8], NULL, 10);
  request_head_size =
      (size_t)snprintf(request_head, sizeof request_head, "%s %s HTTP/1.1\r\nHost: bench\r\n", is_put ? "POST" : "GET", words[4]);
  if (is_put)
    request_head_size += (size_t)sprintf(request_head + request_head_size,
                                         "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n", body_size);
  request_head_size += (size_t)sprintf(request_head + request_head_size, "\r\n");
  if (!strcmp(words[3], "wait")) {
    wait_for_answer(atof(words[5]));
  } else {
    run_load(atoi(words[5]), strtoull(words[6], NULL, 10), atof(words[7]));
  }
  return 0;
}
