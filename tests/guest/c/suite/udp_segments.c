// SPDX-License-Identifier: Apache-2.0
//
// Many datagrams by one call (UDP_SEGMENT).

#include "suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static int socket_at_loopback(struct sockaddr_in* address) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  NEED(bind(s, (struct sockaddr*)address, sizeof *address) == 0);
  socklen_t size = sizeof *address;
  getsockname(s, (struct sockaddr*)address, &size);
  return s;
}

static char sent[6000], got[6000];

// The sizes of what has come, and whether the bytes follow on each other.
static void take_all(int s) {
  for (ssize_t count, at = 0; (count = recv(s, got, sizeof got, MSG_DONTWAIT)) >= 0; at += count) {
    VALUE(count);
    TRUTH(memcmp(got, sent + at, (size_t)count) == 0);
  }
}

static ssize_t send_with_control(int s, const struct sockaddr_in* to, size_t size, uint16_t segment) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
  } control = {.header = {CMSG_LEN(sizeof segment), IPPROTO_UDP, UDP_SEGMENT}};
  memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
  struct iovec part = {sent, size};
  struct msghdr message = {(void*)to, sizeof *to, &part, 1, control.bytes, sizeof control.bytes, 0};
  return sendmsg(s, &message, 0);
}

TEST(udp_segments) {
  for (size_t i = 0; i < sizeof sent; ++i) sent[i] = (char)(i * 13 + i / 256);
  struct sockaddr_in a, b;
  int x = socket_at_loopback(&a), y = socket_at_loopback(&b), size = 1000, too_large = 70000, none = 0;
  socklen_t length = sizeof size;
  VALUE(setsockopt(x, IPPROTO_UDP, UDP_SEGMENT, &too_large, sizeof too_large));
  VALUE(setsockopt(x, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size));
  VALUE(getsockopt(x, IPPROTO_UDP, UDP_SEGMENT, &size, &length));
  VALUE(size);
  VALUE(sendto(x, sent, 2500, 0, (struct sockaddr*)&b, sizeof b));
  take_all(y);
  VALUE(sendto(x, sent, 3000, 0, (struct sockaddr*)&b, sizeof b));
  take_all(y);
  VALUE(sendto(x, sent, 1000, 0, (struct sockaddr*)&b, sizeof b));
  take_all(y);
  VALUE(sendto(x, sent, 7, 0, (struct sockaddr*)&b, sizeof b));
  take_all(y);
  VALUE(sendto(x, sent, 0, 0, (struct sockaddr*)&b, sizeof b));
  VALUE(recv(y, got, sizeof got, MSG_DONTWAIT));
  // For one call alone, in place of the option.
  VALUE(send_with_control(x, &b, 1000, 400));
  take_all(y);
  VALUE(setsockopt(x, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof none));
  VALUE(send_with_control(x, &b, 6000, 1400));
  take_all(y);
  VALUE(sendto(x, sent, 3000, 0, (struct sockaddr*)&b, sizeof b));
  take_all(y);
  VALUE(send_with_control(x, &b, 6000, 1));  // more datagrams than one call may send
  VALUE(recv(y, got, sizeof got, MSG_DONTWAIT));
  NEED(connect(x, (struct sockaddr*)&b, sizeof b) == 0);
  size = 2000;
  VALUE(setsockopt(x, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size));
  VALUE(send(x, sent, 5000, 0));
  take_all(y);
  close(x);
  close(y);
}

TEST(udp_group_on_loopback_without_loop) {
  struct sockaddr_in group = {.sin_family = AF_INET};
  int none = 0, x = socket(AF_INET, SOCK_DGRAM, 0), y = socket(AF_INET, SOCK_DGRAM, 0);
  NEED(bind(y, (struct sockaddr*)&group, sizeof group) == 0);
  socklen_t length = sizeof group;
  getsockname(y, (struct sockaddr*)&group, &length);
  group.sin_addr.s_addr = inet_addr("239.7.7.9");
  struct ip_mreqn request = {group.sin_addr, {htonl(INADDR_LOOPBACK)}, 0};
  struct timeval limit = {0, 300000};
  setsockopt(y, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  VALUE(setsockopt(x, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_address, 4));
  VALUE(setsockopt(y, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  // The option is about a copy on the way out; loopback itself brings the datagram back.
  VALUE(setsockopt(x, IPPROTO_IP, IP_MULTICAST_LOOP, &none, sizeof none));
  VALUE(sendto(x, sent, 10, 0, (struct sockaddr*)&group, sizeof group));
  VALUE(recv(y, got, sizeof got, 0));
  VALUE(recv(y, got, sizeof got, MSG_DONTWAIT));
  // IPv6 has no route for groups on loopback, unless they are loopback's own.
  struct sockaddr_in6 group6 = {.sin6_family = AF_INET6, .sin6_port = group.sin_port};
  int lo = 1, z = socket(AF_INET6, SOCK_DGRAM, 0);
  VALUE(setsockopt(z, IPPROTO_IPV6, IPV6_MULTICAST_IF, &lo, sizeof lo));
  inet_pton(AF_INET6, "ff15::7:7:9", &group6.sin6_addr);
  VALUE(sendto(z, sent, 10, 0, (struct sockaddr*)&group6, sizeof group6));
  inet_pton(AF_INET6, "ff11::7:7:9", &group6.sin6_addr);
  VALUE(sendto(z, sent, 10, 0, (struct sockaddr*)&group6, sizeof group6));
  inet_pton(AF_INET6, "ff02::7:7:9", &group6.sin6_addr);
  VALUE(sendto(z, sent, 10, 0, (struct sockaddr*)&group6, sizeof group6));
  close(x);
  close(y);
  close(z);
}
