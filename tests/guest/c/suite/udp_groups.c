// SPDX-License-Identifier: Apache-2.0
//
// Datagrams for many by a network card, where there is one, else by loopback: they leave by the card, and the
// members in this machine have them, too.

#include "suite.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { kPatienceMs = 2000, kSize = 900 };

struct card {
  int index;
  struct sockaddr_in address, broadcast;
};

// One can bind to it.
static int is_in_use(const struct sockaddr* own) {
  struct sockaddr_in6 place = *(const struct sockaddr_in6*)own;
  place.sin6_port = 0;
  int s = socket(AF_INET6, SOCK_DGRAM, 0), bound = bind(s, (struct sockaddr*)&place, sizeof place);
  close(s);
  return bound == 0;
}

// A card's own IPv6 address is in use once nobody else is found to have it, a second or two after the start.
static void wait_for_ipv6(int index) {
  for (int tenths = 0; tenths < 100; ++tenths) {
    struct ifaddrs* all;
    int found = 0;
    NEED(getifaddrs(&all) == 0);
    for (struct ifaddrs* one = all; one != NULL; one = one->ifa_next)
      found |= one->ifa_addr != NULL && one->ifa_addr->sa_family == AF_INET6 &&
               (int)if_nametoindex(one->ifa_name) == index && is_in_use(one->ifa_addr);
    freeifaddrs(all);
    if (found) return;
    sleep_ms(100);
  }
}

static struct card find_card(void) {
  struct card card = {.index = (int)if_nametoindex("lo")};
  card.address.sin_family = AF_INET;
  card.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  card.broadcast.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct ifaddrs* all;
  NEED(getifaddrs(&all) == 0);
  for (struct ifaddrs* one = all; one != NULL; one = one->ifa_next) {
    unsigned wanted = IFF_UP | IFF_BROADCAST | IFF_MULTICAST;
    if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & wanted) != wanted) continue;
    card.index = (int)if_nametoindex(one->ifa_name);
    card.address = *(struct sockaddr_in*)one->ifa_addr;
    card.broadcast = *(struct sockaddr_in*)one->ifa_broadaddr;
    break;
  }
  freeifaddrs(all);
  return card;
}

static int receiver(int family, in_port_t* port) {
  int s = socket(family, SOCK_DGRAM, 0), one = 1;
  struct timeval limit = {kPatienceMs / 1000, 0};
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in6 place = {.sin6_family = (sa_family_t)family};
  socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof place;
  NEED(bind(s, (struct sockaddr*)&place, size) == 0);
  getsockname(s, (struct sockaddr*)&place, &size);
  *port = place.sin6_port;  // where sin_port is, too
  return s;
}

static void fill(char* bytes) {
  for (int i = 0; i < kSize; ++i) bytes[i] = (char)(i * 7);
}
// Nothing of what the card's headers need got into the bytes.
static int is_whole(const char* bytes) {
  for (int i = 0; i < kSize; ++i)
    if (bytes[i] != (char)(i * 7)) return 0;
  return 1;
}

TEST(udp_ipv4_group_by_card) {
  struct card card = find_card();
  struct sockaddr_in group = {.sin_family = AF_INET};
  int one = 1, none = 0, x = socket(AF_INET, SOCK_DGRAM, 0), y = receiver(AF_INET, &group.sin_port);
  in_port_t another;
  int z = receiver(AF_INET, &another);
  group.sin_addr.s_addr = inet_addr("239.7.7.8");
  struct ip_mreqn request = {group.sin_addr, {0}, card.index};
  VALUE(setsockopt(x, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request));
  VALUE(setsockopt(y, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  VALUE(setsockopt(z, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  char out[kSize], in[kSize];
  fill(out);
  for (int round = 0; round < 3; ++round) {
    VALUE(sendto(x, out, kSize, 0, (struct sockaddr*)&group, sizeof group));
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    VALUE(recvfrom(y, in, kSize, 0, (struct sockaddr*)&from, &size));
    TRUTH(is_whole(in));
    TRUTH(from.sin_addr.s_addr == card.address.sin_addr.s_addr);
  }
  VALUE(setsockopt(x, IPPROTO_IP, IP_MULTICAST_LOOP, &none, sizeof none));
  VALUE(sendto(x, out, kSize, 0, (struct sockaddr*)&group, sizeof group));
  VALUE(recv(y, in, kSize, MSG_DONTWAIT));
  VALUE(setsockopt(x, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one));
  VALUE(sendto(x, out, kSize, 0, (struct sockaddr*)&group, sizeof group));
  VALUE(recv(y, in, kSize, 0));
  close(x);
  close(y);
  close(z);
}

TEST(udp_ipv6_group_by_card) {
  struct card card = find_card();
  struct sockaddr_in6 group = {.sin6_family = AF_INET6};
  wait_for_ipv6(card.index);
  int x = socket(AF_INET6, SOCK_DGRAM, 0), y = receiver(AF_INET6, &group.sin6_port);
  inet_pton(AF_INET6, "ff15::7:7:8", &group.sin6_addr);
  struct ipv6_mreq request = {group.sin6_addr, (unsigned)card.index};
  VALUE(setsockopt(x, IPPROTO_IPV6, IPV6_MULTICAST_IF, &card.index, sizeof card.index));
  VALUE(setsockopt(y, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request));
  char out[kSize], in[kSize];
  fill(out);
  for (int round = 0; round < 3; ++round) {
    VALUE(sendto(x, out, kSize, 0, (struct sockaddr*)&group, sizeof group));
    VALUE(recv(y, in, kSize, 0));
    TRUTH(is_whole(in));
  }
  close(x);
  close(y);
}

// Groups of a link, of a site and of the world, where nobody says by which card.
TEST(udp_ipv6_group_by_no_card) {
  const char* names[] = {"ff02::7:7:9", "ff05::7:7:9", "ff15::7:7:9"};
  struct card card = find_card();
  wait_for_ipv6(card.index);
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    struct sockaddr_in6 group = {.sin6_family = AF_INET6};
    int x = socket(AF_INET6, SOCK_DGRAM, 0), y = receiver(AF_INET6, &group.sin6_port);
    inet_pton(AF_INET6, names[i], &group.sin6_addr);
    struct ipv6_mreq request = {group.sin6_addr, 0}, by_card = {group.sin6_addr, (unsigned)card.index};
    VALUE(setsockopt(y, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request));
    VALUE(setsockopt(y, IPPROTO_IPV6, IPV6_JOIN_GROUP, &by_card, sizeof by_card));
    char out[kSize], in[kSize];
    fill(out);
    VALUE(sendto(x, out, kSize, 0, (struct sockaddr*)&group, sizeof group));
    VALUE(recv(y, in, kSize, 0));
    TRUTH(is_whole(in));
    VALUE(connect(x, (struct sockaddr*)&group, sizeof group));
    VALUE(setsockopt(y, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof request));
    VALUE(setsockopt(y, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof request));
    close(x);
    close(y);
  }
  // What every link has is nowhere as long as nobody says on which.
  struct sockaddr_in6 neighbour = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
  inet_pton(AF_INET6, "fe80::7:7:9", &neighbour.sin6_addr);
  int types[] = {SOCK_DGRAM, SOCK_STREAM};
  for (int i = 0; i < 2; ++i) {
    int x = socket(AF_INET6, types[i], 0);
    VALUE(connect(x, (struct sockaddr*)&neighbour, sizeof neighbour));
    close(x);
  }
}

TEST(udp_broadcast_by_card) {
  struct card card = find_card();
  struct sockaddr_in all = {.sin_family = AF_INET, .sin_addr = card.broadcast.sin_addr};
  int one = 1, x = socket(AF_INET, SOCK_DGRAM, 0), y = receiver(AF_INET, &all.sin_port);
  VALUE(sendto(x, "no", 2, 0, (struct sockaddr*)&all, sizeof all));
  VALUE(connect(x, (struct sockaddr*)&all, sizeof all));
  VALUE(setsockopt(x, SOL_SOCKET, SO_BROADCAST, &one, sizeof one));
  char out[kSize], in[kSize];
  fill(out);
  for (int round = 0; round < 3; ++round) {
    VALUE(sendto(x, out, kSize, 0, (struct sockaddr*)&all, sizeof all));
    VALUE(recv(y, in, kSize, 0));
    TRUTH(is_whole(in));
  }
  close(x);
  // From a bound source, and to a socket that takes nothing else.
  x = socket(AF_INET, SOCK_DGRAM, 0);
  int z = socket(AF_INET, SOCK_DGRAM, 0);
  card.address.sin_port = 0;
  VALUE(setsockopt(x, SOL_SOCKET, SO_BROADCAST, &one, sizeof one));
  VALUE(bind(x, (struct sockaddr*)&card.address, sizeof card.address));
  setsockopt(z, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  VALUE(bind(z, (struct sockaddr*)&all, sizeof all));
  VALUE(sendto(x, out, kSize, 0, (struct sockaddr*)&all, sizeof all));
  VALUE(recv(y, in, kSize, 0));
  VALUE(recv(z, in, kSize, MSG_DONTWAIT));
  close(x);
  close(y);
  close(z);
}
