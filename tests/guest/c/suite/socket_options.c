// SPDX-License-Identifier: Apache-2.0
//
// Options of Internet sockets: what may be set, what is read back, what is refused.

#include "suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct case_ {
  const char* name;
  int level, option;
};
#define CASE(level, option) {#option, level, option}

static void show(int s, struct case_ c) {
  int value = -77;
  socklen_t size = sizeof value;
  if (getsockopt(s, c.level, c.option, &value, &size) < 0) {
    say("%s: %s", c.name, check_errno_name(errno));
  } else {
    say("%s: %d (%u bytes)", c.name, value, size);
  }
}
static void change(int s, struct case_ c, int value) {
  if (setsockopt(s, c.level, c.option, &value, sizeof value) < 0) {
    say("%s = %d: %s", c.name, value, check_errno_name(errno));
  } else {
    show(s, c);
  }
}

static const struct case_ socket_cases[] = {
    CASE(SOL_SOCKET, SO_REUSEADDR), CASE(SOL_SOCKET, SO_REUSEPORT), CASE(SOL_SOCKET, SO_KEEPALIVE),
    CASE(SOL_SOCKET, SO_OOBINLINE), CASE(SOL_SOCKET, SO_BROADCAST), CASE(SOL_SOCKET, SO_DONTROUTE),
    CASE(SOL_SOCKET, SO_TIMESTAMP), CASE(SOL_SOCKET, SO_PRIORITY),
};
static const struct case_ ip_cases[] = {
    CASE(IPPROTO_IP, IP_TOS), CASE(IPPROTO_IP, IP_TTL), CASE(IPPROTO_IP, IP_PKTINFO), CASE(IPPROTO_IP, IP_RECVTTL),
    CASE(IPPROTO_IP, IP_RECVTOS), CASE(IPPROTO_IP, IP_RECVERR), CASE(IPPROTO_IP, IP_MTU_DISCOVER),
    CASE(IPPROTO_IP, IP_MULTICAST_TTL), CASE(IPPROTO_IP, IP_MULTICAST_LOOP), CASE(IPPROTO_IP, IP_MULTICAST_ALL),
    CASE(IPPROTO_IP, IP_FREEBIND), CASE(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
};
static const struct case_ ipv6_cases[] = {
    CASE(IPPROTO_IPV6, IPV6_V6ONLY), CASE(IPPROTO_IPV6, IPV6_UNICAST_HOPS), CASE(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
    CASE(IPPROTO_IPV6, IPV6_MULTICAST_LOOP), CASE(IPPROTO_IPV6, IPV6_RECVPKTINFO),
    CASE(IPPROTO_IPV6, IPV6_RECVHOPLIMIT), CASE(IPPROTO_IPV6, IPV6_RECVTCLASS), CASE(IPPROTO_IPV6, IPV6_TCLASS),
    CASE(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
};
static const struct case_ tcp_cases[] = {
    CASE(IPPROTO_TCP, TCP_NODELAY), CASE(IPPROTO_TCP, TCP_CORK), CASE(IPPROTO_TCP, TCP_KEEPIDLE),
    CASE(IPPROTO_TCP, TCP_KEEPINTVL), CASE(IPPROTO_TCP, TCP_KEEPCNT), CASE(IPPROTO_TCP, TCP_SYNCNT),
    CASE(IPPROTO_TCP, TCP_USER_TIMEOUT), CASE(IPPROTO_TCP, TCP_MAXSEG),
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void try_all(int s, const struct case_* cases, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    show(s, cases[i]);
    change(s, cases[i], 1);
    change(s, cases[i], 100);
    change(s, cases[i], 300);
    change(s, cases[i], -1);
    change(s, cases[i], -2);
    change(s, cases[i], 0);
  }
}

TEST(options_of_tcp_sockets) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  try_all(s, socket_cases, COUNT(socket_cases));
  try_all(s, tcp_cases, COUNT(tcp_cases));
  close(s);
}
TEST(options_of_ip) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  try_all(s, ip_cases, COUNT(ip_cases));
  show(s, ipv6_cases[0]);
  show(s, tcp_cases[0]);
  change(s, tcp_cases[0], 1);
  close(s);
}
TEST(options_of_ipv6) {
  int s = socket(AF_INET6, SOCK_DGRAM, 0);
  try_all(s, ipv6_cases, COUNT(ipv6_cases));
  try_all(s, ip_cases, COUNT(ip_cases));
  close(s);
}

TEST(options_with_structures) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  struct linger linger = {5, 7};
  socklen_t size = sizeof linger;
  VALUE(getsockopt(s, SOL_SOCKET, SO_LINGER, &linger, &size));
  say("linger %d %d, %u bytes", linger.l_onoff, linger.l_linger, size);
  linger = (struct linger){3, 9};
  VALUE(setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  VALUE(setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, 4));
  getsockopt(s, SOL_SOCKET, SO_LINGER, &linger, &size);
  say("linger %d %d", linger.l_onoff, linger.l_linger);
  int buffer = 40000;
  static const int names[] = {SO_SNDBUF, SO_RCVBUF};
  for (int i = 0; i < 2; ++i) {
    buffer = 40000;
    VALUE(setsockopt(s, SOL_SOCKET, names[i], &buffer, sizeof buffer));
    size = sizeof buffer;
    getsockopt(s, SOL_SOCKET, names[i], &buffer, &size);
    VALUE(buffer);
    buffer = 1;
    setsockopt(s, SOL_SOCKET, names[i], &buffer, sizeof buffer);
    getsockopt(s, SOL_SOCKET, names[i], &buffer, &size);
    VALUE(buffer);
  }
  char small[2];
  size = 2;
  VALUE(getsockopt(s, SOL_SOCKET, SO_TYPE, small, &size));
  VALUE(size);
  size = -1;
  VALUE(getsockopt(s, SOL_SOCKET, SO_TYPE, small, &size));
  VALUE(getsockopt(s, SOL_SOCKET, SO_TYPE, small, (socklen_t*)8));
  VALUE(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, small, 2));
  VALUE(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, (void*)8, 4));
  VALUE(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, small, -1));
  VALUE(setsockopt(s, SOL_SOCKET, SO_TYPE, &buffer, sizeof buffer));
  VALUE(setsockopt(s, SOL_SOCKET, 9999, &buffer, sizeof buffer));
  VALUE(getsockopt(s, SOL_SOCKET, 9999, &buffer, &size));
  size = sizeof buffer;
  VALUE(setsockopt(s, 77, 1, &buffer, sizeof buffer));
  VALUE(getsockopt(s, 77, 1, &buffer, &size));
  VALUE(getsockopt(s, SOL_SOCKET, SO_ACCEPTCONN, &buffer, &size));
  VALUE(buffer);
  unsigned char tos = 8;
  VALUE(setsockopt(s, IPPROTO_IP, IP_TOS, &tos, 1));
  size = 1;
  tos = 0;
  VALUE(getsockopt(s, IPPROTO_IP, IP_TOS, &tos, &size));
  say("%d, %u bytes", tos, size);
  struct tcp_info information;
  memset(&information, 0x55, sizeof information);
  size = sizeof information;
  VALUE(getsockopt(s, IPPROTO_TCP, TCP_INFO, &information, &size));
  VALUE(information.tcpi_state);
  size = 16;
  VALUE(getsockopt(s, IPPROTO_TCP, TCP_INFO, &information, &size));
  VALUE(size);
  struct ip_mreq group = {{inet_addr("239.1.2.3")}, {htonl(INADDR_LOOPBACK)}};
  VALUE(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
  VALUE(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  char device[16] = {0};
  size = sizeof device;
  VALUE(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, device, &size));
  say("%s, %u bytes", device, size);
  VALUE(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "none7", 6));
  VALUE(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
  close(s);
}

TEST(tcp_window_clamp) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  static const int values[] = {0, 1, 1000, 1152, 5000, 100000};
  for (unsigned i = 0; i < sizeof values / sizeof values[0]; ++i) {
    VALUE(setsockopt(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, &values[i], sizeof values[i]));
    int got = -1;
    socklen_t size = sizeof got;
    VALUE(getsockopt(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, &got, &size));
    say("set %d: %d, %u bytes", values[i], got, size);
  }
  VALUE(setsockopt(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, &values[4], 2));
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  NEED(bind(s, (struct sockaddr*)&address, sizeof address) == 0 && listen(s, 5) == 0);
  VALUE(setsockopt(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, &values[0], sizeof values[0]));
  close(s);
}

TEST(options_are_inherited) {
  int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  NEED(bind(l, (struct sockaddr*)&address, sizeof address) == 0 && listen(l, 5) == 0);
  socklen_t size = sizeof address;
  getsockname(l, (struct sockaddr*)&address, &size);
  setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct linger linger = {1, 3};
  setsockopt(l, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  int c = socket(AF_INET, SOCK_STREAM, 0);
  NEED(connect(c, (struct sockaddr*)&address, sizeof address) == 0);
  int s = accept(l, NULL, NULL);
  show(s, (struct case_)CASE(SOL_SOCKET, SO_KEEPALIVE));
  show(s, (struct case_)CASE(IPPROTO_TCP, TCP_NODELAY));
  show(s, (struct case_)CASE(SOL_SOCKET, SO_REUSEADDR));
  size = sizeof linger;
  memset(&linger, 0, sizeof linger);
  getsockopt(s, SOL_SOCKET, SO_LINGER, &linger, &size);
  say("linger %d %d", linger.l_onoff, linger.l_linger);
  struct tcp_info information;
  size = sizeof information;
  getsockopt(s, IPPROTO_TCP, TCP_INFO, &information, &size);
  VALUE(information.tcpi_state);
  getsockopt(l, IPPROTO_TCP, TCP_INFO, &information, &size);
  VALUE(information.tcpi_state);
  shutdown(c, SHUT_WR);
  sleep_ms(10);
  getsockopt(s, IPPROTO_TCP, TCP_INFO, &information, &size);
  VALUE(information.tcpi_state);
  getsockopt(c, IPPROTO_TCP, TCP_INFO, &information, &size);
  VALUE(information.tcpi_state);
  close(c);
  close(s);
  close(l);
}

TEST(interface_requests) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {0};
  strcpy(request.ifr_name, "lo");
  VALUE(ioctl(s, SIOCGIFFLAGS, &request));
  say("flags %#x", request.ifr_flags & 0xffff);
  VALUE(ioctl(s, SIOCGIFADDR, &request));
  say("%s", inet_ntoa(((struct sockaddr_in*)&request.ifr_addr)->sin_addr));
  VALUE(ioctl(s, SIOCGIFNETMASK, &request));
  say("%s", inet_ntoa(((struct sockaddr_in*)&request.ifr_addr)->sin_addr));
  VALUE(ioctl(s, SIOCGIFBRDADDR, &request));
  VALUE(ioctl(s, SIOCGIFMTU, &request));
  VALUE(request.ifr_mtu);
  VALUE(ioctl(s, SIOCGIFINDEX, &request));
  VALUE(request.ifr_ifindex);
  VALUE(ioctl(s, SIOCGIFHWADDR, &request));
  VALUE(request.ifr_hwaddr.sa_family);
  VALUE(ioctl(s, SIOCGIFNAME, &request));
  say("%s", request.ifr_name);
  strcpy(request.ifr_name, "none7");
  VALUE(ioctl(s, SIOCGIFFLAGS, &request));
  VALUE(ioctl(s, SIOCGIFFLAGS, (void*)8));
  struct ifconf configuration = {0};
  VALUE(ioctl(s, SIOCGIFCONF, &configuration));
  TRUTH(configuration.ifc_len >= (int)sizeof(struct ifreq));
  struct ifreq all[16];
  configuration.ifc_len = sizeof all;
  configuration.ifc_req = all;
  VALUE(ioctl(s, SIOCGIFCONF, &configuration));
  say("%s %s", all[0].ifr_name, inet_ntoa(((struct sockaddr_in*)&all[0].ifr_addr)->sin_addr));
  VALUE(if_nametoindex("lo"));
  VALUE(if_nametoindex("none7"));
  int on = 1;
  VALUE(ioctl(s, FIONBIO, &on));
  TRUTH((fcntl(s, F_GETFL) & O_NONBLOCK) != 0);
  close(s);
}
