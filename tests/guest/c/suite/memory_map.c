// SPDX-License-Identifier: Apache-2.0
//
// mmap and munmap: flags, placement, errors, splitting.

#include "suite.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { kPage = 4096, kRead = PROT_READ, kReadWrite = PROT_READ | PROT_WRITE };
static const int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

static char* map(size_t size, int protection) {
  char* p = mmap(NULL, size, protection, kAnonymous, -1, 0);
  NEED(p != MAP_FAILED);
  return p;
}

TEST(mmap_fresh_pages_are_zero) {
  char* p = map(16 * kPage, kReadWrite);
  int sum = 0;
  for (int i = 0; i < 16 * kPage; ++i) sum |= p[i];
  VALUE(sum);
  memset(p, 0x5a, 16 * kPage);
  VALUE(munmap(p, 16 * kPage));
  p = map(16 * kPage, kReadWrite);
  sum = 0;
  for (int i = 0; i < 16 * kPage; ++i) sum |= p[i];
  VALUE(sum);
  munmap(p, 16 * kPage);
}

TEST(mmap_errors) {
  OUTCOME(mmap(NULL, 0, kRead, kAnonymous, -1, 0));
  OUTCOME(mmap(NULL, kPage, kRead, MAP_ANONYMOUS, -1, 0));
  OUTCOME(mmap(NULL, kPage, kRead, MAP_PRIVATE, -1, 0));
  OUTCOME(mmap(NULL, kPage, kRead, MAP_PRIVATE, 999, 0));
  OUTCOME(mmap((void*)0x1234, kPage, kRead, kAnonymous | MAP_FIXED, -1, 0));
  OUTCOME(mmap(NULL, kPage, kRead, kAnonymous, -1, 0x123));
  OUTCOME(mmap((void*)0x7ffffffff000, 2 * kPage, kRead, kAnonymous | MAP_FIXED, -1, 0));
  OUTCOME(mmap((void*)0xffff800000000000, kPage, kRead, kAnonymous | MAP_FIXED, -1, 0));
  OUTCOME(mmap(NULL, (size_t)1 << 62, kRead, kAnonymous | MAP_NORESERVE, -1, 0));
  OUTCOME(mmap(NULL, (size_t)-kPage, kRead, kAnonymous, -1, 0));
}

TEST(munmap_errors) {
  VALUE(munmap((void*)0x1001, kPage));
  VALUE(munmap((void*)0x10000000000, 0));
  VALUE(munmap((void*)0xffff800000000000, kPage));
  VALUE(munmap((void*)0x10000000, kPage));  // nothing there is no error
}

TEST(mmap_address_is_a_hint) {
  char* p = map(8 * kPage, kRead);
  munmap(p, 8 * kPage);
  char* q = mmap(p, 4 * kPage, kRead, kAnonymous, -1, 0);
  TRUTH(q == p);
  char* r = mmap(p, 4 * kPage, kRead, kAnonymous, -1, 0);  // taken: goes elsewhere
  TRUTH(r != p && r != MAP_FAILED);
  char* s = mmap(q + 4 * kPage + 123, kPage, kRead, kAnonymous, -1, 0);  // rounded
  TRUTH(((uintptr_t)s & (kPage - 1)) == 0);
  munmap(q, 4 * kPage);
  munmap(r, 4 * kPage);
  munmap(s, kPage);
}

TEST(mmap_hint_in_the_low_4_GiB) {
  void* wanted = (void*)0x65000000;
  void* p = mmap(wanted, 64 * kPage, PROT_NONE, kAnonymous | MAP_NORESERVE, -1, 0);
  TRUTH(p == wanted);
  munmap(p, 64 * kPage);
  wanted = (void*)0x80000000;
  p = mmap(wanted, (size_t)1 << 31, PROT_NONE, kAnonymous | MAP_NORESERVE, -1, 0);
  TRUTH(p == wanted);
  munmap(p, (size_t)1 << 31);
}

TEST(mmap_fixed_noreplace) {
  char* p = map(4 * kPage, kReadWrite);
  const int flags = kAnonymous | MAP_FIXED_NOREPLACE;
  OUTCOME(mmap(p + kPage, kPage, kRead, flags, -1, 0));
  OUTCOME(mmap(p - 0, 8 * kPage, kRead, flags, -1, 0));
  munmap(p + kPage, 2 * kPage);
  TRUTH(mmap(p + kPage, 2 * kPage, kRead, flags, -1, 0) == p + kPage);
  OUTCOME(mmap(p + 1, kPage, kRead, flags, -1, 0));
  munmap(p, 4 * kPage);
}

TEST(mmap_fixed_replaces_the_middle) {
  char* p = map(5 * kPage, kReadWrite);
  memset(p, 'x', 5 * kPage);
  TRUTH(mmap(p + 2 * kPage, kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0) == p + 2 * kPage);
  say("%c%d%c", p[2 * kPage - 1], p[2 * kPage], p[3 * kPage]);
  // As HotSpot commits and uncommits: the same range, over and over, through three kinds of mapping.
  for (int i = 0; i < 200; ++i) {
    char* q = p + (i % 5) * kPage;
    mmap(q, kPage, PROT_NONE, kAnonymous | MAP_FIXED | MAP_NORESERVE, -1, 0);
    mmap(q, kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0);
    if (*q != 0) say("stale byte in round %d", i);
    memset(q, i, kPage);
  }
  VALUE(munmap(p, 5 * kPage));
}

TEST(mmap_terabytes_reserved) {
  const size_t size = (size_t)4 << 40;
  char* p = mmap(NULL, size, PROT_NONE, kAnonymous | MAP_NORESERVE, -1, 0);
  TRUTH(p != MAP_FAILED);
  for (int i = 0; i < 4; ++i) {
    char* q = p + ((size_t)i << 40);
    NEED(mmap(q, 2 * kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0) == q);
    q[0] = 'a' + i;
    q[kPage] = 'A' + i;
  }
  say("%c%c%c%c", p[0], p[(size_t)1 << 40], p[(size_t)2 << 40], p[((size_t)3 << 40) + kPage]);
  say("outside the committed pages: %s", fault_name(catch_fault(read_byte, p + 2 * kPage)));
  VALUE(munmap(p, size));
  // ZGC's views: fixed at 4, 8 and 16 TiB.
  for (int shift = 42; shift <= 44; ++shift) {
    void* at = (void*)((uintptr_t)1 << shift);
    void* view = mmap(at, (size_t)32 << 30, PROT_NONE, kAnonymous | MAP_NORESERVE, -1, 0);
    TRUTH(view == at);
    munmap(view, (size_t)32 << 30);
  }
}

TEST(mmap_readable_noreserve_is_zero_without_memory) {
  const size_t size = (size_t)64 << 30;
  char* p = mmap(NULL, size, kReadWrite, kAnonymous | MAP_NORESERVE, -1, 0);
  TRUTH(p != MAP_FAILED);
  int sum = 0;
  for (size_t at = 0; at < size; at += (size_t)1 << 30) sum |= p[at];
  VALUE(sum);
  VALUE(munmap(p, size));
}

TEST(munmap_splits_and_spans) {
  char* p = map(9 * kPage, kReadWrite);
  for (int i = 0; i < 9; ++i) p[i * kPage] = '0' + i;
  VALUE(munmap(p + 2 * kPage, kPage));
  VALUE(munmap(p + 6 * kPage, kPage));
  for (int i = 0; i < 9; ++i) {
    struct fault f = catch_fault(read_byte, p + i * kPage);
    say("page %d: %s %s", i, fault_name(f), f.signal ? (f.address == p + i * kPage ? "here" : "?") : "");
  }
  say("%c%c%c", p[kPage], p[3 * kPage], p[7 * kPage]);
  VALUE(munmap(p + kPage, 7 * kPage));  // over the holes
  say("%c%c", p[0], p[8 * kPage]);
  VALUE(munmap(p, 9 * kPage));
}

TEST(mmap_private_file_is_copy_on_write) {
  int fd = open(scratch("cow"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  char block[2 * kPage];
  memset(block, 'f', sizeof block);
  NEED(write(fd, block, sizeof block) == sizeof block);
  char* p = mmap(NULL, 2 * kPage, kReadWrite, MAP_PRIVATE, fd, 0);
  NEED(p != MAP_FAILED);
  p[1] = 'w';
  char c = 0;
  NEED(pread(fd, &c, 1, 1) == 1);
  say("mapping %c, file %c", p[1], c);
  NEED(pwrite(fd, "Z", 1, kPage) == 1);  // an untouched page follows the file
  say("second page %c", p[kPage]);
  OUTCOME(mmap(NULL, kPage, kReadWrite, MAP_PRIVATE, fd, kPage / 2));
  munmap(p, 2 * kPage);
  close(fd);
  fd = open(scratch("cow"), O_RDONLY);
  OUTCOME(mmap(NULL, kPage, kReadWrite, MAP_SHARED, fd, 0));
  p = mmap(NULL, kPage, kReadWrite, MAP_PRIVATE, fd, 0);
  TRUTH(p != MAP_FAILED);
  close(fd);  // the mapping keeps the file
  p[0] = 'q';
  say("%c%c", p[0], p[2]);
  munmap(p, kPage);
  fd = open(scratch("cow"), O_WRONLY);
  OUTCOME(mmap(NULL, kPage, PROT_WRITE, MAP_SHARED, fd, 0));
  close(fd);
  unlink(scratch("cow"));
}

TEST(mmap_populate_and_stack) {
  char* p = mmap(NULL, 64 * kPage, kReadWrite, kAnonymous | MAP_POPULATE, -1, 0);
  TRUTH(p != MAP_FAILED);
  unsigned char resident[64];
  VALUE(mincore(p, 64 * kPage, resident));
  int count = 0;
  for (int i = 0; i < 64; ++i) count += resident[i] & 1;
  VALUE(count);
  munmap(p, 64 * kPage);
  VALUE(mincore(p, kPage, resident));
  p = mmap(NULL, 64 * kPage, kReadWrite, kAnonymous | MAP_STACK | MAP_NORESERVE, -1, 0);
  TRUTH(p != MAP_FAILED);
  munmap(p, 64 * kPage);
}

TEST(brk_grows_and_shrinks) {
  char* start = sbrk(0);
  TRUTH(sbrk(5 * kPage) == start);
  memset(start, 'b', 5 * kPage);
  TRUTH((char*)sbrk(-2 * kPage) == start + 5 * kPage);
  TRUTH((char*)sbrk(0) == start + 3 * kPage);
  say("%c", start[3 * kPage - 1]);
  NEED(brk(start) == 0);
  TRUTH(sbrk(3 * kPage) == start);
  VALUE(start[0]);
  NEED(brk(start) == 0);
}
