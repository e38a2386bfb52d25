// SPDX-License-Identifier: Apache-2.0
//
// Copies standard input to standard output and says on standard error how much it was and what kind of
// files the three are. With "noise": a megabyte on each output, interleaved.

#include "check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

const char* check_prefix;

static void write_all(int fd, const char* data, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = write(fd, data + done, size - done);
    if (n <= 0) _exit(9);
    done += n;
  }
}

static const char* kind(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return "closed";
  if (isatty(fd)) return "terminal";
  return S_ISFIFO(status.st_mode) ? "pipe" : S_ISCHR(status.st_mode) ? "device" : "other";
}

int main(int count, char** arguments) {
  static char block[16384];
  if (count > 1 && strcmp(arguments[1], "noise") == 0) {
    for (int i = 0; i < 64; ++i) {
      memset(block, 'a' + i % 26, sizeof block);
      block[sizeof block - 1] = '\n';
      write_all(1 + i % 2, block, sizeof block);
    }
    return 0;
  }
  struct pollfd entry = {0, POLLIN, 0};
  NEED(poll(&entry, 1, -1) == 1);
  unsigned long total = 0, sum = 0;
  for (ssize_t n; (n = read(0, block, sizeof block)) > 0; total += n) {
    for (ssize_t i = 0; i < n; ++i) sum = sum * 31 + (unsigned char)block[i];
    write_all(1, block, n);
  }
  NEED(read(0, block, 1) == 0);  // the end stays the end
  fprintf(stderr, "%lu bytes, sum %lx, in %s, out %s, error %s\n", total, sum, kind(0), kind(1), kind(2));
  return 0;
}
