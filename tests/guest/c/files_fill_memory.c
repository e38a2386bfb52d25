// SPDX-License-Identifier: Apache-2.0
//
// Files in memory that are written until no more fits: whoever writes is refused with ENOSPC, and the rest
// of the machine goes on. Not compared with the host, whose memory is not ours to fill.

#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

enum { kPiece = 1 << 20 };
const char* check_prefix;
static char piece[kPiece];

static void fill(const char* what, int fd) {
  long written, all = 0;
  while ((written = write(fd, piece, kPiece)) > 0) all += written;
  say("%s: %s, %s", what, written == 0 ? "nothing" : check_errno_name(errno), all > 8 * kPiece ? "after much" : "at once");
}

static void* run(void* flag) {
  *(int*)flag = 1;
  return NULL;
}

int main(void) {
  memset(piece, 1, sizeof piece);
  int memory = memfd_create("memory", 0), file = open("/tmp/file", O_RDWR | O_CREAT, 0600);
  fill("memfd", memory);
  fill("file", file);
  off_t size = lseek(memory, 0, SEEK_END);
  for (int shift = 30; shift <= 40; shift += 10) {
    say("fallocate: %s", fallocate(memory, 0, 0, 1L << shift) == 0 ? "" : check_errno_name(errno));
    say("size: %s", lseek(memory, 0, SEEK_END) == size ? "as before" : "another");
  }

  // A store through a shared mapping past what memory holds would be SIGBUS; private memory is still there.
  char* more = mmap(NULL, 2 * kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(more, 2, 2 * kPiece);
  int ran = 0;
  pthread_t thread;
  say("thread: %d", pthread_create(&thread, NULL, run, &ran) || pthread_join(thread, NULL) || !ran);
  say("kept: %d", pread(memory, piece, kPiece, 0) == kPiece && piece[kPiece - 1] == 1);

  ftruncate(memory, 0);
  say("room again: %ld", (long)write(file, piece, kPiece));
  return 0;
}
