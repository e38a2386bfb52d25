// SPDX-License-Identifier: Apache-2.0
//
// Says what netlink tells of the network card's link, and what an ioctl (Java's NetworkInterface.isUp) says of it then;
// meanwhile answers a client with what it sends.
#include "check.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

const char* check_prefix;

static void* echo(void* port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  NEED(bind(listener, (struct sockaddr*)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  const int client = accept(listener, NULL, NULL);
  char bytes[256];
  for (ssize_t size; (size = read(client, bytes, sizeof bytes)) > 0;) NEED(write(client, bytes, (size_t)size) == size);
  exit(0);
}

int main(int count, char** arguments) {
  const int news = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
  NEED(bind(news, (struct sockaddr*)&groups, sizeof groups) == 0);
  pthread_t thread;
  pthread_create(&thread, NULL, echo, arguments[count - 1]);
  char buffer[8192];
  for (ssize_t size; (size = recv(news, buffer, sizeof buffer, 0)) > 0;) {
    for (struct nlmsghdr* one = (struct nlmsghdr*)buffer; NLMSG_OK(one, size); one = NLMSG_NEXT(one, size)) {
      const struct ifinfomsg* link = NLMSG_DATA(one);
      if (one->nlmsg_type != RTM_NEWLINK) continue;
      struct ifreq request = {0};
      if_indextoname((unsigned)link->ifi_index, request.ifr_name);
      NEED(ioctl(news, SIOCGIFFLAGS, &request) == 0);
      say("%s: carrier %d, up %d, running %d", request.ifr_name, (link->ifi_flags & IFF_LOWER_UP) != 0,
          (request.ifr_flags & IFF_UP) != 0, (request.ifr_flags & IFF_RUNNING) != 0);
    }
  }
  return 1;
}
