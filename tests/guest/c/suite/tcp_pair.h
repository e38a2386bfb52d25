// SPDX-License-Identifier: Apache-2.0
//
// Connected pairs of TCP sockets over loopback, for the groups that test them.
#pragma once

#include "suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static inline struct sockaddr_in loopback_port(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A listener on a port of the kernel's choice.
static inline int listener(struct sockaddr_in* address, int backlog) {
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
static inline struct pair connected(void) {
  struct pair p;
  struct sockaddr_in address;
  p.listener = listener(&address, 5);
  p.client = socket(AF_INET, SOCK_STREAM, 0);
  NEED(connect(p.client, (struct sockaddr*)&address, sizeof address) == 0);
  p.server = accept(p.listener, NULL, NULL);
  NEED(p.server >= 0);
  return p;
}
static inline void close_pair(struct pair p) {
  close(p.client);
  close(p.server);
  close(p.listener);
}

static inline int events_of(int s) {
  struct pollfd entry = {s, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}
static inline int pending_error(int s) {
  int error = -1;
  socklen_t size = sizeof error;
  NEED(getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  return error;
}
// Waits until the events are there, so that no packet's delay shows.
static inline void await(int s, int events) {
  struct pollfd entry = {s, events, 0};
  NEED(poll(&entry, 1, 2000) == 1);
}
