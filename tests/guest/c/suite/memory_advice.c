// SPDX-License-Identifier: Apache-2.0
//
// mremap, madvise, mincore, msync and mlock.

#include "suite.h"

#include <fcntl.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

enum { kPage = 4096, kReadWrite = PROT_READ | PROT_WRITE };

static char* map(int pages) {
  char* p = mmap(NULL, (size_t)pages * kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(p != MAP_FAILED);
  return p;
}

TEST(mremap_shrinks_in_place) {
  char* p = map(4);
  memset(p, 'm', 4 * kPage);
  TRUTH(mremap(p, 4 * kPage, 2 * kPage, 0) == p);
  say("kept %c, tail %s", p[kPage], fault_name(catch_fault(read_byte, p + 2 * kPage)));
  munmap(p, 2 * kPage);
}

TEST(mremap_grows) {
  char* p = map(5);
  NEED(munmap(p + 2 * kPage, 3 * kPage) == 0);
  memset(p, 'g', 2 * kPage);
  TRUTH(mremap(p, 2 * kPage, 4 * kPage, 0) == p);  // room behind it
  say("old %c, new %d", p[2 * kPage - 1], p[2 * kPage]);
  char* wall = mmap(p + 4 * kPage, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  NEED(wall == p + 4 * kPage);
  OUTCOME(mremap(p, 4 * kPage, 8 * kPage, 0));  // no room, may not move
  char* q = mremap(p, 4 * kPage, 64 * kPage, MREMAP_MAYMOVE);
  TRUTH(q != MAP_FAILED && q != p);
  say("moved %c%d, old place %s", q[kPage], q[63 * kPage], fault_name(catch_fault(read_byte, p)));
  munmap(q, 64 * kPage);
  munmap(wall, kPage);
}

TEST(mremap_fixed) {
  char* p = map(2);
  char* target = map(6);
  memset(p, 'p', 2 * kPage);
  memset(target, 't', 6 * kPage);
  TRUTH(mremap(p, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target + 2 * kPage) == target + 2 * kPage);
  say("%c%c%c%c", target[kPage], target[2 * kPage], target[3 * kPage], target[4 * kPage]);
  OUTCOME(mremap(target, 2 * kPage, 2 * kPage, MREMAP_FIXED, p));
  OUTCOME(mremap(target, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target + kPage));
  OUTCOME(mremap(target + 1, kPage, 2 * kPage, MREMAP_MAYMOVE));
  OUTCOME(mremap(target, kPage, 0, MREMAP_MAYMOVE));
  OUTCOME(mremap(p, kPage, 2 * kPage, MREMAP_MAYMOVE));  // nothing mapped there
  munmap(target, 6 * kPage);
}

TEST(mremap_over_two_mappings_is_efault) {
  char* p = map(4);
  NEED(mprotect(p + 2 * kPage, 2 * kPage, PROT_READ) == 0);
  OUTCOME(mremap(p, 4 * kPage, 8 * kPage, MREMAP_MAYMOVE));
  munmap(p, 4 * kPage);
}

TEST(mremap_large_keeps_contents) {
  const size_t size = 4 << 20;
  char* p = mmap(NULL, size, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t at = 0; at < size; at += kPage) *(size_t*)(p + at) = at;
  char* q = mremap(p, size, 3 * size, MREMAP_MAYMOVE);
  NEED(q != MAP_FAILED);
  int wrong = 0;
  for (size_t at = 0; at < size; at += kPage) wrong += *(size_t*)(q + at) != at;
  VALUE(wrong);
  munmap(q, 3 * size);
}

TEST(madvise_dontneed) {
  char* p = map(8);
  memset(p, 'd', 8 * kPage);
  VALUE(madvise(p + 2 * kPage, 3 * kPage, MADV_DONTNEED));
  say("%c%d%d%c", p[kPage], p[2 * kPage], p[4 * kPage + 5], p[5 * kPage]);
  VALUE(madvise(p + 1, kPage, MADV_DONTNEED));
  VALUE(madvise(p, 0, MADV_DONTNEED));
  VALUE(madvise(p, kPage, 12345));
  munmap(p + 3 * kPage, kPage);
  VALUE(madvise(p, 8 * kPage, MADV_DONTNEED));  // ENOMEM for the hole, done all the same
  say("%d%d", p[0], p[7 * kPage]);
  munmap(p, 8 * kPage);
}

TEST(madvise_dontneed_private_file_shows_the_file_again) {
  int fd = open(scratch("advice"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  NEED(write(fd, "file", 4) == 4);
  char* p = mmap(NULL, kPage, kReadWrite, MAP_PRIVATE, fd, 0);
  p[0] = 'P';
  say("%.4s", p);
  VALUE(madvise(p, kPage, MADV_DONTNEED));
  say("%.4s", p);
  munmap(p, kPage);
  close(fd);
  unlink(scratch("advice"));
}

TEST(madvise_hints) {
  char* p = map(8);
  memset(p, 'h', 8 * kPage);
  VALUE(madvise(p, 8 * kPage, MADV_WILLNEED));
  VALUE(madvise(p, 8 * kPage, MADV_NORMAL));
  VALUE(madvise(p, 8 * kPage, MADV_RANDOM));
  VALUE(madvise(p, 8 * kPage, MADV_SEQUENTIAL));
  VALUE(madvise(p, 8 * kPage, MADV_NOHUGEPAGE));
  VALUE(madvise(p, 8 * kPage, MADV_HUGEPAGE));
  VALUE(madvise(p, 8 * kPage, MADV_DONTDUMP));
  VALUE(madvise(p, 8 * kPage, MADV_DONTFORK));
  VALUE(madvise(p, 8 * kPage, MADV_FREE));
  p[0] = 'w';  // written after MADV_FREE: kept
  say("%c", p[0]);
  munmap(p, 8 * kPage);
}

TEST(madvise_populate) {
  char* p = map(16);
  unsigned char resident[16];
  VALUE(madvise(NULL, 0, MADV_POPULATE_WRITE));
  VALUE(madvise(p, 16 * kPage, MADV_POPULATE_WRITE));
  NEED(mincore(p, 16 * kPage, resident) == 0);
  int count = 0;
  for (int i = 0; i < 16; ++i) count += resident[i] & 1;
  VALUE(count);
  NEED(mprotect(p, kPage, PROT_READ) == 0);
  VALUE(madvise(p, kPage, MADV_POPULATE_WRITE));
  VALUE(madvise(p, kPage, MADV_POPULATE_READ));
  munmap(p, 16 * kPage);
  VALUE(madvise(p, kPage, MADV_POPULATE_WRITE));
}

TEST(mincore_of_anonymous_memory) {
  char* p = map(4);
  unsigned char resident[4];
  p[kPage] = 1;
  NEED(mincore(p, 4 * kPage, resident) == 0);
  say("touched %d, untouched %d", resident[1] & 1, resident[3] & 1);
  VALUE(mincore(p + 1, kPage, resident));
  VALUE(mincore(p, 4 * kPage, (unsigned char*)NULL));
  munmap(p, 4 * kPage);
}

TEST(msync_and_mlock) {
  char* p = map(2);
  VALUE(msync(p, 2 * kPage, MS_SYNC));
  VALUE(msync(p, 2 * kPage, MS_SYNC | MS_ASYNC));
  VALUE(msync(p + 1, kPage, MS_SYNC));
  munmap(p + kPage, kPage);
  VALUE(msync(p, 2 * kPage, MS_SYNC));
  munmap(p, kPage);
}
