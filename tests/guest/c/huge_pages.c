// SPDX-License-Identifier: Apache-2.0
//
// MAP_HUGETLB, hugetlb memfds and MADV_HUGEPAGE on shared memory: real 2 MiB pages that nobody set aside. The build
// host has none set aside either and answers ENOMEM, so what Linux says where it has them is written down.

#include "check.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/vfs.h>

enum { kHuge = 2 << 20, kPage = 4096, kRead = PROT_READ | PROT_WRITE };
const char* check_prefix;

static long meminfo(const char* name) {
  char line[256];
  long value = -1;
  FILE* file = fopen("/proc/meminfo", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') value = atol(line + strlen(name) + 1);
  }
  if (file != NULL) fclose(file);
  return value;
}

static void say_pool(const char* when) {
  say("%s: %ld in all, %ld reserved, %ld kB", when, meminfo("HugePages_Total"), meminfo("HugePages_Rsvd"),
      meminfo("Hugetlb"));
}

static void private_pages(void) {
  check_prefix = "private";
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
  char* p = mmap(NULL, 32 * (long)kHuge - kPage, kRead, flags, -1, 0);
  say("mapped: %d, aligned: %d", p != MAP_FAILED, (long)p % kHuge == 0);
  say_pool("untouched");
  for (int i = 0; i < 3; ++i) p[i * (long)kHuge + 5 * kPage] = 1;
  say_pool("three touched");
  say("unmap a part: %s", munmap(p, kPage) == 0 ? "done" : check_errno_name(errno));
  say("protect a part: %s", mprotect(p + kPage, kHuge, PROT_READ) == 0 ? "done" : check_errno_name(errno));
  say("move: %s", mremap(p, kHuge, 2 * kHuge, MREMAP_MAYMOVE) != MAP_FAILED ? "done" : check_errno_name(errno));
  say("advice: %s", madvise(p, kHuge, MADV_HUGEPAGE) == 0 ? "done" : check_errno_name(errno));
  say("not replaced: %s", mmap(p, kHuge, kRead, flags | MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED ? "mapped" : check_errno_name(errno));
  say("fixed but unaligned: %s", mmap(p + kPage, kHuge, kRead, flags | MAP_FIXED, -1, 0) != MAP_FAILED ? "mapped" : check_errno_name(errno));
  say("1 GiB pages: %s", mmap(NULL, 1L << 30, kRead, flags | 30 << 26, -1, 0) != MAP_FAILED ? "mapped" : check_errno_name(errno));
  say("discard: %d", madvise(p, kHuge, MADV_DONTNEED));
  say_pool("one discarded");
  say("reads %d", p[5 * kPage]);
  say("protected: %d", mprotect(p, 2 * kHuge, PROT_NONE));
  say("and back: %d", mprotect(p, 2 * kHuge, kRead));
  say("reads %d", p[kHuge + 5 * kPage]);
  say("replaced by small pages: %d", mmap(p + kHuge, kHuge, kRead, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + kHuge);
  p[kHuge + kPage] = 3;
  say_pool("one less");
  say("more than there is: %s", mmap(NULL, 1L << 36, kRead, flags, -1, 0) != MAP_FAILED ? "mapped" : check_errno_name(errno));
  say_pool("nothing is kept of that");
  munmap(p, 32 * (long)kHuge);
  say_pool("unmapped");
}

static void memory_file(void) {
  check_prefix = "hugetlb file";
  int fd = memfd_create("huge", MFD_HUGETLB | MFD_HUGE_2MB);
  struct statfs s;
  fstatfs(fd, &s);
  say("type %d, block %d", s.f_type == 0x958458f6, s.f_bsize == kHuge);
  say("odd size: %s", ftruncate(fd, kPage) == 0 ? "done" : check_errno_name(errno));
  say("size: %d", ftruncate(fd, 8 * kHuge));
  say("write: %s", write(fd, "x", 1) == 1 ? "done" : check_errno_name(errno));
  say("odd offset: %s", mmap(NULL, kHuge, kRead, MAP_SHARED, fd, kPage) != MAP_FAILED ? "mapped" : check_errno_name(errno));
  char* a = mmap(NULL, 4 * kHuge, kRead, MAP_SHARED, fd, 0);
  char* b = mmap(NULL, 4 * kHuge, kRead, MAP_SHARED, fd, 2 * kHuge);
  memset(a, 7, 4 * kHuge);
  say("views agree: %d", b[0] == 7 && b[2 * kHuge - 1] == 7 && b[2 * kHuge] == 0);
  char byte = 0;
  say("read: %d", pread(fd, &byte, 1, 3 * kHuge) == 1 && byte == 7);
  say("%ld kB", meminfo("Hugetlb"));
  say("punch: %d", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * kHuge - kPage, 2 * kHuge + kPage));
  say("holes read as zeros: %d, others keep: %d", b[0] == 0 && b[2 * kHuge - 1] == 0 && a[2 * kHuge - 1] == 0, a[2 * kHuge - kPage - 1] == 7);
  munmap(a, 4 * kHuge);
  munmap(b, 4 * kHuge);
  say("allocate more than there is: %s", fallocate(fd, 0, 0, 1L << 36) == 0 ? "done" : check_errno_name(errno));
  close(fd);
  say_pool("closed");
  a = mmap(NULL, kHuge, kRead, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  say("shared without a file: %d", a != MAP_FAILED && (a[kPage] = 1) == 1);
  munmap(a, kHuge);
}

static void segment(void) {
  check_prefix = "segment";
  int id = shmget(IPC_PRIVATE, 3 * kHuge, IPC_CREAT | SHM_HUGETLB | 0600);
  char* a = shmat(id, NULL, 0);
  say("attached: %d, aligned: %d", a != (char*)-1, (long)a % kHuge == 0);
  a[2 * kHuge + kPage] = 1;
  say("removed: %d", shmctl(id, IPC_RMID, NULL));
  say("%ld kB", meminfo("Hugetlb"));
  say("detached: %d", shmdt(a));
  say("more than there is: %s", shmget(IPC_PRIVATE, 1L << 33, IPC_CREAT | SHM_HUGETLB | 0600) >= 0 ? "given" : check_errno_name(errno));
  say_pool("gone");
}

static char* race_area;
static pthread_barrier_t race_start;

static void* toucher(void* which) {
  pthread_barrier_wait(&race_start);
  for (long i = 0; i < 8L * kHuge / kPage; ++i) __atomic_fetch_add(race_area + i * kPage + (long)which, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void advised(void) {
  check_prefix = "advised";
  int fd = memfd_create("advised", 0);
  ftruncate(fd, 8 * kHuge);
  // Where 2 MiB of addresses begin, so that the file's 2 MiB can lie in one page.
  char* room = mmap(NULL, 20 * kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char* a = (char*)(((long)room + kHuge - 1) & ~(long)(kHuge - 1));
  char* b = a + 9 * kHuge;
  mmap(a, 8 * kHuge, kRead, MAP_SHARED | MAP_FIXED, fd, 0);
  mmap(b, 8 * kHuge, kRead, MAP_SHARED | MAP_FIXED, fd, 0);
  say("advice: %d %d", madvise(a, 8 * kHuge, MADV_HUGEPAGE), madvise(b, 8 * kHuge, MADV_HUGEPAGE));
  race_area = a;
  pthread_t threads[4];
  pthread_barrier_init(&race_start, NULL, 4);
  for (long i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, toucher, (void*)i);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  int right = 1;
  for (long i = 0; i < 8L * kHuge; i += kPage) right &= b[i] == 1 && b[i + 3] == 1;
  say("all written once, both views agree: %d", right);
  say("ShmemHugePages: %ld kB", meminfo("ShmemHugePages"));
  say("punch a page: %d", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kHuge + kPage, kPage));
  say("a hole: %d, its neighbours: %d", a[kHuge + kPage] == 0 && b[kHuge + kPage] == 0, a[kHuge] == 1 && b[kHuge + 2 * kPage] == 1);
  say("ShmemHugePages: %ld kB", meminfo("ShmemHugePages"));
  say("protected: %d", mprotect(a, 4 * kHuge, PROT_READ));
  say("and back: %d", mprotect(a, 4 * kHuge, kRead));
  a[2 * kHuge] = 5;
  say("written: %d", b[2 * kHuge] == 5);
  munmap(a + 3 * kHuge + kPage, kPage);
  say("a part unmapped: %d", a[3 * kHuge] == 1 && a[3 * kHuge + 2 * kPage] == 1 && b[3 * kHuge + kPage] == 1);
  say("discarded: %d", madvise(a + 4 * kHuge, kHuge + kPage, MADV_DONTNEED));
  say("read again: %d", a[4 * kHuge] == 1 && a[5 * kHuge + kPage] == 1);
  ftruncate(fd, 6 * kHuge + kPage);
  say("cut: %d", a[6 * kHuge] == 1);
  munmap(room, 20 * kHuge);
  close(fd);
  say("ShmemHugePages: %ld kB", meminfo("ShmemHugePages"));
}

int main(void) {
  const long before = meminfo("MemFree");
  for (int round = 0; round < 2; ++round) {
    private_pages();
    memory_file();
    segment();
    advised();
  }
  check_prefix = NULL;
  say("memory is free again: %d", meminfo("MemFree") > before - 4096);
  return 0;
}
