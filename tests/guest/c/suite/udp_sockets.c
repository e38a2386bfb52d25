// SPDX-License-Identifier: Apache-2.0
//
// UDP, raw ICMP and IPv6 over loopback, multicast on loopback, and netlink's list of interfaces.

#include "suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in at_loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
static int bound(struct sockaddr_in* address) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  *address = at_loopback(0);
  NEED(bind(s, (struct sockaddr*)address, sizeof *address) == 0);
  socklen_t size = sizeof *address;
  getsockname(s, (struct sockaddr*)address, &size);
  struct timeval limit = {1, 0};
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return s;
}
static int events_of(int s) {
  struct pollfd entry = {s, POLLIN | POLLOUT | POLLRDHUP, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}

TEST(udp_datagrams) {
  struct sockaddr_in a, b, from;
  int x = bound(&a), y = bound(&b);
  char text[32];
  VALUE(events_of(x));
  VALUE(recv(x, text, 8, MSG_DONTWAIT));
  VALUE(send(x, "hi", 2, 0));
  VALUE(sendto(x, "hello", 5, 0, (struct sockaddr*)&b, sizeof b));
  VALUE(sendto(x, "", 0, 0, (struct sockaddr*)&b, sizeof b));
  VALUE(sendto(x, "third one", 9, 0, (struct sockaddr*)&b, sizeof b));
  VALUE(events_of(y));
  int size = -1;
  VALUE(ioctl(y, FIONREAD, &size));
  VALUE(size);
  VALUE(recv(y, text, sizeof text, MSG_PEEK));
  socklen_t length = sizeof from;
  VALUE(recvfrom(y, text, sizeof text, 0, (struct sockaddr*)&from, &length));
  TRUTH(length == sizeof from && from.sin_port == a.sin_port && from.sin_addr.s_addr == a.sin_addr.s_addr);
  VALUE(recv(y, text, sizeof text, 0));
  VALUE(recv(y, text, 3, MSG_TRUNC));
  VALUE(recv(y, text, 3, MSG_DONTWAIT));
  NEED(sendto(x, "cut me", 6, 0, (struct sockaddr*)&b, sizeof b) == 6);
  struct iovec part = {text, 3};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  VALUE(recvmsg(y, &message, 0));
  TRUTH(message.msg_flags == MSG_TRUNC);
  VALUE(sendto(x, "x", 1, 0, (struct sockaddr*)&b, 8));
  VALUE(sendto(x, "x", 1, 0, (struct sockaddr*)8, sizeof b));
  struct sockaddr_in odd = b;
  odd.sin_port = 0;
  VALUE(sendto(x, "x", 1, 0, (struct sockaddr*)&odd, sizeof odd));
  odd = b;
  odd.sin_family = AF_INET6;
  VALUE(sendto(x, "x", 1, 0, (struct sockaddr*)&odd, sizeof odd));
  static char large[70000];
  VALUE(sendto(x, large, 65508, 0, (struct sockaddr*)&b, sizeof b));
  VALUE(sendto(x, large, 65507, 0, (struct sockaddr*)&b, sizeof b));
  VALUE(recv(y, large, sizeof large, 0));
  odd = b;
  odd.sin_addr.s_addr = INADDR_BROADCAST;
  VALUE(sendto(x, "x", 1, 0, (struct sockaddr*)&odd, sizeof odd));
  VALUE(listen(x, 1));
  VALUE(accept(x, NULL, NULL));
  VALUE(bind(x, (struct sockaddr*)&a, sizeof a));
  close(x);
  close(y);
}

TEST(udp_connected) {
  struct sockaddr_in a, b, c, name;
  int x = bound(&a), y = bound(&b), z = bound(&c);
  char text[8];
  socklen_t length = sizeof name;
  VALUE(getpeername(x, (struct sockaddr*)&name, &length));
  VALUE(shutdown(x, SHUT_RD));
  close(x);
  x = bound(&a);
  VALUE(connect(x, (struct sockaddr*)&b, sizeof b));
  VALUE(getpeername(x, (struct sockaddr*)&name, &length));
  TRUTH(name.sin_port == b.sin_port);
  VALUE(send(x, "one", 3, 0));
  VALUE(recv(y, text, 8, 0));
  VALUE(sendto(z, "no", 2, 0, (struct sockaddr*)&a, sizeof a));  // not from the peer
  VALUE(recv(x, text, 8, MSG_DONTWAIT));
  VALUE(sendto(y, "yes", 3, 0, (struct sockaddr*)&a, sizeof a));
  VALUE(recv(x, text, 8, 0));
  VALUE(sendto(x, "to", 2, 0, (struct sockaddr*)&c, sizeof c));
  close(y);
  VALUE(send(x, "gone", 4, 0));
  sleep_ms(10);
  VALUE(events_of(x));
  VALUE(recv(x, text, 8, MSG_DONTWAIT));
  VALUE(recv(x, text, 8, MSG_DONTWAIT));
  VALUE(send(x, "gone", 4, 0));
  sleep_ms(10);
  VALUE(send(x, "gone", 4, 0));
  int error = -1;
  length = sizeof error;
  sleep_ms(10);
  VALUE(send(x, "gone", 4, 0) >= -1);
  VALUE(getsockopt(x, SOL_SOCKET, SO_ERROR, &error, &length));
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  VALUE(connect(x, &none, sizeof none));
  length = sizeof name;
  VALUE(getpeername(x, (struct sockaddr*)&name, &length));
  VALUE(shutdown(x, SHUT_RDWR));
  close(x);
  close(z);
}

TEST(udp_control_messages) {
  struct sockaddr_in a, b;
  int x = bound(&a), y = bound(&b), one = 1, ttl = 7;
  setsockopt(y, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
  setsockopt(y, IPPROTO_IP, IP_RECVTTL, &one, sizeof one);
  setsockopt(y, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof one);
  setsockopt(x, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
  NEED(sendto(x, "m", 1, 0, (struct sockaddr*)&b, sizeof b) == 1);
  char text[8], control[256];
  struct iovec part = {text, 8};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  VALUE(recvmsg(y, &message, 0));
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
    say("level %d type %d size %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) VALUE(*(int*)CMSG_DATA(c));
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo* info = (struct in_pktinfo*)CMSG_DATA(c);
      say("interface %d to %s", info->ipi_ifindex, inet_ntoa(info->ipi_addr));
    }
  }
  NEED(sendto(x, "m", 1, 0, (struct sockaddr*)&b, sizeof b) == 1);
  message.msg_controllen = 8;
  VALUE(recvmsg(y, &message, 0));
  TRUTH(message.msg_flags == MSG_CTRUNC && message.msg_controllen == 0);
  close(x);
  close(y);
}

TEST(udp_multicast_on_loopback) {
  struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = 0};
  int one = 1, x = socket(AF_INET, SOCK_DGRAM, 0), y = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(y, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  NEED(bind(y, (struct sockaddr*)&group, sizeof group) == 0);
  socklen_t length = sizeof group;
  getsockname(y, (struct sockaddr*)&group, &length);
  group.sin_addr.s_addr = inet_addr("239.7.7.7");
  struct ip_mreqn request = {group.sin_addr, {htonl(INADDR_LOOPBACK)}, 0};
  VALUE(setsockopt(x, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_address, 4));
  VALUE(setsockopt(y, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  VALUE(setsockopt(y, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  struct timeval limit = {0, 200000};
  setsockopt(y, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  char text[8];
  VALUE(sendto(x, "all", 3, 0, (struct sockaddr*)&group, sizeof group));
  VALUE(recv(y, text, 8, 0));
  struct ip_mreq_source source = {group.sin_addr, {htonl(INADDR_LOOPBACK)}, {htonl(INADDR_LOOPBACK)}};
  VALUE(setsockopt(y, IPPROTO_IP, IP_BLOCK_SOURCE, &source, sizeof source));
  VALUE(sendto(x, "all", 3, 0, (struct sockaddr*)&group, sizeof group));
  VALUE(recv(y, text, 8, 0));
  VALUE(setsockopt(y, IPPROTO_IP, IP_UNBLOCK_SOURCE, &source, sizeof source));
  VALUE(setsockopt(y, IPPROTO_IP, IP_UNBLOCK_SOURCE, &source, sizeof source));
  VALUE(sendto(x, "all", 3, 0, (struct sockaddr*)&group, sizeof group));
  VALUE(recv(y, text, 8, 0));
  VALUE(setsockopt(y, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request));
  VALUE(setsockopt(y, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request));
  VALUE(sendto(x, "all", 3, 0, (struct sockaddr*)&group, sizeof group));
  VALUE(recv(y, text, 8, 0));
  request.imr_multiaddr.s_addr = inet_addr("10.0.0.1");
  VALUE(setsockopt(y, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  VALUE(setsockopt(y, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, 6));
  close(x);
  close(y);
}

// Whether an echo request to `address` has its reply, from there.
static int echoes(int s, const char* address) {
  struct icmphdr echo = {.type = ICMP_ECHO, .checksum = 0};
  echo.un.echo.id = htons(77);
  unsigned sum = htons(ICMP_ECHO << 8) + echo.un.echo.id;
  echo.checksum = ~((sum & 0xffff) + (sum >> 16));
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {inet_addr(address)}}, from;
  VALUE(sendto(s, &echo, sizeof echo, 0, (struct sockaddr*)&to, sizeof to));
  for (int i = 0; i < 4; ++i) {
    unsigned char packet[128];
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(s, packet, sizeof packet, 0, (struct sockaddr*)&from, &length);
    if (n == 28 && packet[0] == 0x45 && packet[20] == ICMP_ECHOREPLY && packet[25] == 77)
      return from.sin_addr.s_addr == to.sin_addr.s_addr;
  }
  return 0;
}

TEST(icmp_echo) {
  int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  VALUE(socket(AF_INET, SOCK_RAW, 0));
  struct timeval limit = {1, 0};
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  TRUTH(echoes(s, "127.0.0.1"));
  TRUTH(echoes(s, "127.0.0.2"));
  TRUTH(echoes(s, "127.99.1.3"));
  close(s);
}

TEST(ipv6_dual_stack) {
  struct sockaddr_in6 any = {.sin6_family = AF_INET6}, name;
  int l = socket(AF_INET6, SOCK_STREAM, 0), one = 1;
  VALUE(bind(l, (struct sockaddr*)&any, 20));
  VALUE(bind(l, (struct sockaddr*)&any, sizeof any));
  VALUE(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
  NEED(listen(l, 5) == 0);
  socklen_t length = sizeof name;
  getsockname(l, (struct sockaddr*)&name, &length);
  VALUE(length);
  struct sockaddr_in v4 = at_loopback(ntohs(name.sin6_port));
  int other = socket(AF_INET, SOCK_STREAM, 0);
  VALUE(bind(other, (struct sockaddr*)&v4, sizeof v4));
  VALUE(connect(other, (struct sockaddr*)&v4, sizeof v4));
  int s = accept(l, (struct sockaddr*)&any, &length);
  char text[INET6_ADDRSTRLEN];
  say("%s", inet_ntop(AF_INET6, &any.sin6_addr, text, sizeof text));
  close(other);
  close(s);
  other = socket(AF_INET6, SOCK_STREAM, 0);
  name.sin6_addr = in6addr_loopback;
  VALUE(connect(other, (struct sockaddr*)&name, sizeof name));
  s = accept(l, (struct sockaddr*)&any, &length);
  say("%s", inet_ntop(AF_INET6, &any.sin6_addr, text, sizeof text));
  close(other);
  close(s);
  other = socket(AF_INET6, SOCK_STREAM, 0);
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &name.sin6_addr);
  VALUE(connect(other, (struct sockaddr*)&name, sizeof name));
  VALUE(getpeername(other, (struct sockaddr*)&any, &length));
  say("%s", inet_ntop(AF_INET6, &any.sin6_addr, text, sizeof text));
  close(other);
  close(l);

  l = socket(AF_INET6, SOCK_STREAM, 0);
  VALUE(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
  any = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = name.sin6_port};
  VALUE(bind(l, (struct sockaddr*)&any, sizeof any));
  VALUE(listen(l, 5));
  other = socket(AF_INET, SOCK_STREAM, 0);
  VALUE(connect(other, (struct sockaddr*)&v4, sizeof v4));
  close(other);
  other = socket(AF_INET, SOCK_STREAM, 0);
  VALUE(bind(other, (struct sockaddr*)&v4, sizeof v4));
  close(other);
  close(l);
  int u = socket(AF_INET6, SOCK_DGRAM, 0), w = socket(AF_INET6, SOCK_DGRAM, 0);
  any = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  NEED(bind(u, (struct sockaddr*)&any, sizeof any) == 0);
  setsockopt(u, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
  length = sizeof any;
  getsockname(u, (struct sockaddr*)&any, &length);
  VALUE(sendto(w, "six", 3, 0, (struct sockaddr*)&any, sizeof any));
  char control[64], byte[8];
  struct iovec part = {byte, 8};
  struct msghdr message = {&name, sizeof name, &part, 1, control, sizeof control, 0};
  VALUE(recvmsg(u, &message, 0));
  VALUE(message.msg_namelen);
  VALUE(message.msg_controllen);
  close(u);
  close(w);
}

TEST(interfaces_by_netlink) {
  struct ifaddrs* all;
  NEED(getifaddrs(&all) == 0);
  for (struct ifaddrs* one = all; one != NULL; one = one->ifa_next) {
    if (strcmp(one->ifa_name, "lo") != 0 || one->ifa_addr == NULL) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr->sa_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in*)one->ifa_addr)->sin_addr, text, sizeof text);
    if (one->ifa_addr->sa_family == AF_INET6) inet_ntop(AF_INET6, &((struct sockaddr_in6*)one->ifa_addr)->sin6_addr, text, sizeof text);
    say("%s family %d flags %#x %s", one->ifa_name, one->ifa_addr->sa_family, one->ifa_flags, text);
    if (one->ifa_addr->sa_family == AF_INET) {
      say("mask %s", inet_ntoa(((struct sockaddr_in*)one->ifa_netmask)->sin_addr));
    }
  }
  freeifaddrs(all);
  struct if_nameindex* names = if_nameindex();
  NEED(names != NULL);
  say("%u %s", names[0].if_index, names[0].if_name);
  if_freenameindex(names);
  VALUE(socket(AF_NETLINK, SOCK_STREAM, 0));
  int s = socket(AF_NETLINK, SOCK_RAW, 0);
  char byte;
  VALUE(recv(s, &byte, 1, MSG_DONTWAIT));
  VALUE(listen(s, 1));
  close(s);
}
