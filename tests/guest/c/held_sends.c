// SPDX-License-Identifier: Apache-2.0
//
// A server for one client, whose orders are bytes: what is written with more to follow must not wait for it where nothing
// can follow soon. "m", "c": one send of more than there is room for, with MSG_MORE or under TCP_CORK; says how much was
// taken, and how much of it is held back. "n": ten bytes under TCP_CORK, which holds them back, then TCP_NODELAY, which sends
// them though the cork stays. What was taken is less than a first window, so that nothing but holding back delays it.
#include "check.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

const char* check_prefix;

static void set(int socket, int option, int value) {
  NEED(setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value) == 0);
}

static int held(int socket) {
  int bytes = -1;
  NEED(ioctl(socket, SIOCOUTQNSD, &bytes) == 0);
  return bytes;
}

int main(int count, char** arguments) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[count - 1]))};
  NEED(bind(listener, (struct sockaddr*)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  const int client = accept(listener, NULL, NULL);
  const int room = 5000;
  NEED(client >= 0 && setsockopt(client, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
  static char data[1000000];
  for (char order; read(client, &order, 1) == 1;) {
    set(client, TCP_CORK, order != 'm');
    if (order == 'n') {
      const long sent = send(client, data, 10, 0), before = held(client);
      set(client, TCP_NODELAY, 1);
      say("sent %ld, held %ld and %d", sent, before, held(client));
    } else {
      const long sent = send(client, data, sizeof data, MSG_DONTWAIT | (order == 'm' ? MSG_MORE : 0));
      say("sent %ld, held %d", sent, held(client));
    }
    char taken = 0;
    if (read(client, &taken, 1) != 1) break;  // the client has it all
    set(client, TCP_NODELAY, 0);
  }
  close(client);
  return 0;
}
