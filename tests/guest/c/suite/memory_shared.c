// SPDX-License-Identifier: Apache-2.0
//
// MAP_SHARED: coherence of mappings with each other and with read and write; the end of the file;
// memfd and hole punching, as ZGC uses them.

#include "suite.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { kPage = 4096, kReadWrite = PROT_READ | PROT_WRITE };

TEST(shared_views_of_one_file_agree) {
  int fd = open(scratch("shared"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  NEED(ftruncate(fd, 4 * kPage) == 0);
  char* a = mmap(NULL, 4 * kPage, kReadWrite, MAP_SHARED, fd, 0);
  char* b = mmap(NULL, 2 * kPage, kReadWrite, MAP_SHARED, fd, 2 * kPage);
  NEED(a != MAP_FAILED && b != MAP_FAILED);
  strcpy(a + 2 * kPage, "through a");
  say("b sees: %s", b);
  char text[32] = {0};
  NEED(pread(fd, text, 10, 2 * kPage) == 10);
  say("read sees: %s", text);
  NEED(pwrite(fd, "by pwrite", 10, 3 * kPage) == 10);
  say("a sees: %s", a + 3 * kPage);
  say("b sees: %s", b + kPage);
  VALUE(msync(a, 4 * kPage, MS_SYNC));
  NEED(munmap(a, 4 * kPage) == 0);
  strcpy(b, "after a went");
  NEED(munmap(b, 2 * kPage) == 0);
  NEED(pread(fd, text, 13, 2 * kPage) == 13);
  say("%s", text);
  close(fd);
  unlink(scratch("shared"));
}

TEST(shared_anonymous) {
  char* p = mmap(NULL, 4 * kPage, kReadWrite, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  NEED(p != MAP_FAILED);
  p[kPage] = 's';
  say("%d%c", p[0], p[kPage]);
  VALUE(madvise(p, 4 * kPage, MADV_DONTNEED));
  say("kept by the shared object: %c", p[kPage]);
  munmap(p, 4 * kPage);
}

TEST(sigbus_past_the_end_of_the_file) {
  int fd = open(scratch("short"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  NEED(ftruncate(fd, kPage + 100) == 0);
  char* p = mmap(NULL, 4 * kPage, kReadWrite, MAP_SHARED, fd, 0);
  NEED(p != MAP_FAILED);
  say("in the file: %s", fault_name(catch_fault(read_byte, p + kPage + 99)));
  say("last page's rest: %s", fault_name(catch_fault(write_byte, p + kPage + 200)));
  struct fault f = catch_fault(read_byte, p + 2 * kPage + 3);
  say("beyond: %s, address %s", fault_name(f), f.address == p + 2 * kPage + 3 ? "right" : "WRONG");
  say("beyond, write: %s", fault_name(catch_fault(write_byte, p + 3 * kPage)));
  NEED(ftruncate(fd, 3 * kPage) == 0);
  say("after growing: %s %d", fault_name(catch_fault(read_byte, p + 2 * kPage + 3)), p[2 * kPage]);
  say("the rest reads as zero again: %d", p[kPage + 200]);
  p[2 * kPage] = 'x';
  NEED(ftruncate(fd, kPage) == 0);
  say("after shrinking: %s", fault_name(catch_fault(read_byte, p + 2 * kPage)));
  NEED(ftruncate(fd, 3 * kPage) == 0);
  say("grown again: %d", p[2 * kPage]);
  char byte;
  NEED(ftruncate(fd, 0) == 0);
  VALUE(write(fd, p, 1));  // a call that meets it: EFAULT, no signal
  VALUE(pread(fd, &byte, 1, 0));
  munmap(p, 4 * kPage);
  close(fd);
  unlink(scratch("short"));
}

TEST(memfd_life) {
  int fd = memfd_create("heap", MFD_CLOEXEC);
  NEED(fd >= 0);
  VALUE(fcntl(fd, F_GETFD));
  VALUE(fcntl(fd, F_GETFL) & O_ACCMODE);
  VALUE(ftruncate(fd, 8 << 20));
  struct stat status;
  NEED(fstat(fd, &status) == 0);
  say("size %ld, blocks %ld, links %ld, mode %o", (long)status.st_size, (long)status.st_blocks,
      (long)status.st_nlink, status.st_mode);
  struct statfs fs;
  VALUE(fstatfs(fd, &fs));
  say("type %#lx, block size %ld", (long)fs.f_type, (long)fs.f_bsize);
  VALUE(fallocate(fd, 0, 0, 2 << 20));
  NEED(fstat(fd, &status) == 0);
  say("blocks after fallocate %ld", (long)status.st_blocks);
  char link[64] = {0}, path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  NEED(readlink(path, link, sizeof link - 1) > 0);
  say("%s", link);
  close(fd);
  VALUE(memfd_create("bad", 0x8000));
  VALUE(syscall(319, NULL, 0));
}

TEST(memfd_views_and_hole_punching) {
  const size_t size = 4 << 20;
  int fd = memfd_create("views", MFD_CLOEXEC);
  NEED(ftruncate(fd, size) == 0);
  char* views[3];
  for (int i = 0; i < 3; ++i) {
    views[i] = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    NEED(mmap(views[i], size, kReadWrite, MAP_SHARED | MAP_FIXED, fd, 0) == views[i]);
  }
  memset(views[0], 'v', size);
  say("%c%c", views[1][12345], views[2][size - 1]);
  VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 2 << 20));
  struct stat status;
  NEED(fstat(fd, &status) == 0);
  say("size %ld, blocks %ld", (long)status.st_size, (long)status.st_blocks);
  say("%c%d%d%c", views[1][(1 << 20) - 1], views[0][1 << 20], views[2][(3 << 20) - 1], views[2][3 << 20]);
  views[2][2 << 20] = 'n';
  say("%c", views[0][2 << 20]);
  VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, kPage));
  VALUE(fallocate(fd, 0, -1, kPage));
  VALUE(fallocate(fd, 0, 0, 0));
  VALUE(fallocate(fd, FALLOC_FL_KEEP_SIZE, size, size));
  NEED(fstat(fd, &status) == 0);
  say("size %ld", (long)status.st_size);
  VALUE(fallocate(fd, 0, size, kPage));
  NEED(fstat(fd, &status) == 0);
  say("size %ld", (long)status.st_size);
  for (int i = 0; i < 3; ++i) munmap(views[i], size);
  close(fd);
}

TEST(punching_part_of_a_page_zeroes_it) {
  int fd = memfd_create("part", 0);
  char block[2 * kPage];
  memset(block, 'p', sizeof block);
  NEED(write(fd, block, sizeof block) == sizeof block);
  VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, kPage));
  NEED(pread(fd, block, sizeof block, 0) == sizeof block);
  int zeroes = 0;
  for (size_t i = 0; i < sizeof block; ++i) zeroes += block[i] == 0;
  say("%d zeroes, edges %c%d%d%c", zeroes, block[99], block[100], block[kPage + 99], block[kPage + 100]);
  close(fd);
}

TEST(seek_hole_and_data) {
  int fd = memfd_create("sparse", 0);
  NEED(ftruncate(fd, 64 * kPage) == 0);
  NEED(pwrite(fd, "x", 1, 10 * kPage) == 1);
  VALUE(lseek(fd, 0, SEEK_DATA));
  VALUE(lseek(fd, 0, SEEK_HOLE));
  VALUE(lseek(fd, 10 * kPage, SEEK_HOLE));
  VALUE(lseek(fd, 11 * kPage, SEEK_DATA));
  VALUE(lseek(fd, 65 * kPage, SEEK_HOLE));
  close(fd);
}

TEST(sysv_segments) {
  int id = shmget(IPC_PRIVATE, 3 * kPage + 5, IPC_CREAT | 0640);
  TRUTH(id >= 0);
  char* a = shmat(id, NULL, 0);
  char* b = shmat(id, NULL, SHM_RDONLY);
  TRUTH(a != (char*)-1 && b != (char*)-1 && a != b);
  a[3 * kPage] = 'x';
  VALUE(b[3 * kPage]);
  OUTCOME(mprotect(b, kPage, PROT_READ | PROT_WRITE));
  struct shmid_ds status;
  VALUE(shmctl(id, IPC_STAT, &status));
  VALUE((long)status.shm_segsz);
  VALUE((long)status.shm_nattch);
  VALUE(status.shm_perm.mode);
  OUTCOME((long)shmat(id, a, 0));
  OUTCOME((long)shmat(id, a + 1, 0));
  OUTCOME((long)shmat(id + 12345, NULL, 0));
  VALUE(shmctl(id, IPC_RMID, NULL));
  VALUE(shmctl(id, IPC_STAT, &status));
  TRUTH((status.shm_perm.mode & SHM_DEST) != 0);
  VALUE(munmap(b, 4 * kPage));
  VALUE(shmctl(id, IPC_STAT, &status));
  VALUE((long)status.shm_nattch);
  VALUE(shmdt(a + kPage));
  VALUE(shmdt(a));
  VALUE(shmctl(id, IPC_STAT, &status));
  const int key = 0x6d6f6b61;
  VALUE(shmget(key, kPage, 0600));
  id = shmget(key, kPage, IPC_CREAT | IPC_EXCL | 0600);
  TRUTH(id >= 0);
  TRUTH(shmget(key, 100, 0) == id);
  VALUE(shmget(key, 2 * kPage, 0));
  VALUE(shmget(key, kPage, IPC_CREAT | IPC_EXCL));
  VALUE(shmget(IPC_PRIVATE, 0, IPC_CREAT));
  VALUE(shmctl(id, 77, NULL));
  VALUE(shmctl(id, IPC_RMID, NULL));
  VALUE(shmget(key, kPage, 0600));
}
