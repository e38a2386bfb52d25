// SPDX-License-Identifier: Apache-2.0
//
// idle_connections PORT COUNT: accepts COUNT connections that say nothing, and tells what memory of the machine
// went into them: MemFree before the first and after the last. Everything that the kernel took counts, its
// table of descriptors too.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "figure.h"

static double free_bytes(void) {
  // What waits to be given back (per-CPU lists, grace periods) has time to be.
  sleep(1);
  FILE* file = fopen("/proc/meminfo", "r");
  require(file != NULL, "/proc/meminfo");
  char line[128];
  double kibibytes = -1;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "MemFree: %lf kB", &kibibytes) == 1) break;
  fclose(file);
  require(kibibytes >= 0, "MemFree");
  return kibibytes * 1024;
}

int main(int words, char** word) {
  require(words == 3, "usage");
  const int count = atoi(word[2]);
  const struct rlimit many = {(rlim_t)count + 64, (rlim_t)count + 64};
  require(setrlimit(RLIMIT_NOFILE, &many) == 0, "setrlimit");
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(word[1]))};
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  require(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              bind(listener, (const struct sockaddr*)&address, sizeof address) == 0 && listen(listener, 1024) == 0,
          "listen");
  printf("listening\n");
  fflush(stdout);
  // One first, so that what is made once (tables, caches, the neighbour) is there before it counts.
  int last = accept(listener, NULL, NULL);
  require(last >= 0, "accept");
  const double before = free_bytes();
  printf("ready\n");
  fflush(stdout);
  for (int index = 0; index < count; ++index) {
    last = accept(listener, NULL, NULL);
    require(last >= 0, "accept");
  }
  say_figure("idle-connection", (before - free_bytes()) / count);
  char byte;
  require(recv(last, &byte, 1, 0) == 0, "the end of the last connection");
  return 0;
}
