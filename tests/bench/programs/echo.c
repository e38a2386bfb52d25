// SPDX-License-Identifier: Apache-2.0
//
// 64 bytes to a thread behind 127.0.0.1 and back, as two threads of one program do it that talk by TCP.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "figure.h"

enum { kBytes = 64, kBatches = 5, kRounds = 1000 };

static void no_delay(int socket) {
  const int one = 1;
  require(setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0, "TCP_NODELAY");
}

static void* serve(void* argument) {
  const int listener = *(const int*)argument;
  const int connection = accept(listener, NULL, NULL);
  require(connection >= 0, "accept");
  no_delay(connection);
  char bytes[kBytes];
  while (recv(connection, bytes, kBytes, MSG_WAITALL) == kBytes)
    require(send(connection, bytes, kBytes, 0) == kBytes, "send back");
  close(connection);
  return NULL;
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  require(listener >= 0 && bind(listener, (struct sockaddr*)&address, size) == 0 && listen(listener, 1) == 0 &&
              getsockname(listener, (struct sockaddr*)&address, &size) == 0,
          "listen");
  pthread_t server;
  require(pthread_create(&server, NULL, serve, &listener) == 0, "pthread_create");
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  require(client >= 0 && connect(client, (struct sockaddr*)&address, size) == 0, "connect");
  no_delay(client);
  char bytes[kBytes] = "sixty-four bytes";
  double times[kBatches];
  printf("begins\n");
  fflush(stdout);
  for (int batch = 0; batch < kBatches; ++batch) {
    const double start = now_seconds();
    for (int round = 0; round < kRounds; ++round) {
      require(send(client, bytes, kBytes, 0) == kBytes, "send");
      require(recv(client, bytes, kBytes, MSG_WAITALL) == kBytes, "receive");
    }
    times[batch] = (now_seconds() - start) / kRounds;
  }
  say_figure("echo", median(times, kBatches));
  close(client);
  pthread_join(server, NULL);
  // The harness reads QEMU's clock when it sees the figure: the machine must still be there then.
  sleep(1);
  return 0;
}
