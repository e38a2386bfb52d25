// SPDX-License-Identifier: Apache-2.0
//
// Files that come with the program (in a VM: of a read-only layer), mapped before they are first written to. The
// mappings show what is written, as those of any file do. The current folder has the files one, two, ..., each of five
// pages and a half with the page's number, from '0' on, in every byte; each test has a file of its own.
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

const char* check_prefix;

enum { kPage = 4096, kPages = 6, kSize = 5 * kPage + kPage / 2 };

static const volatile char* map(const char* name, int sharing, int protection) {
  const int fd = open(name, O_RDONLY);
  void* address = mmap(NULL, kPages * kPage, protection, sharing, fd, 0);
  if (fd < 0 || address == MAP_FAILED) say("FAILED %s: %s", name, check_errno_name(errno)), exit(1);
  close(fd);
  return address;
}

static void look(const char* what, const volatile char* at) {
  say("%s: %c%c%c%c%c%c", what, at[1], at[kPage + 1], at[2 * kPage + 1], at[3 * kPage + 1], at[4 * kPage + 1],
      at[5 * kPage + 1]);
}

static void write_at(int fd, int page, int size, char value) {
  static char text[2 * kPage];
  memset(text, value, size);
  say("write of %d bytes: %ld", size, (long)pwrite(fd, text, size, (off_t)page * kPage));
}

static void writing(void) {
  check_prefix = "writing";
  const volatile char* shared = map("one", MAP_SHARED, PROT_READ);
  volatile char* private_view = (volatile char*)map("one", MAP_PRIVATE, PROT_READ | PROT_WRITE);
  const volatile char* untouched = map("one", MAP_SHARED, PROT_READ);
  look("shared", shared);
  look("private", private_view);
  private_view[3 * kPage + 1] = 'p';
  const int fd = open("one", O_RDWR);
  look("shared, opened for writing", shared);
  write_at(fd, 1, 10, 'x');
  look("shared", shared);
  look("private", private_view);
  write_at(fd, 2, 2 * kPage, 'y');
  look("shared", shared);
  look("private", private_view);
  look("not looked at before", untouched);
  const volatile char* later = map("one", MAP_SHARED, PROT_READ);
  look("mapped later", later);
  say("behind the end: %d", shared[kSize]);
  VALUE(ftruncate(fd, kPage + 1));
  VALUE(ftruncate(fd, kSize));
  say("after the cut: %c, then %d %d %d", shared[kPage], shared[kPage + 1], shared[2 * kPage + 1], shared[5 * kPage]);
  close(fd);
}

static void writing_through_a_mapping(void) {
  check_prefix = "through a mapping";
  const volatile char* before = map("two", MAP_SHARED, PROT_READ);
  look("before", before);
  const int fd = open("two", O_RDWR);
  volatile char* writable = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  look("writable", writable);
  writable[4 * kPage + 1] = 'm';
  look("before", before);
  char byte = 0;
  VALUE(pread(fd, &byte, 1, 4 * kPage + 1));
  say("read: %c", byte);
  close(fd);
}

static void holes(void) {
  check_prefix = "holes";
  const volatile char* shared = map("three", MAP_SHARED, PROT_READ);
  look("before", shared);
  const int fd = open("three", O_RDWR);
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPage, 2 * kPage) != 0) say("no holes");
  say("page 0 %c, pages 1 and 2 %d %d, page 3 %c", shared[1], shared[kPage + 1], shared[2 * kPage + 1],
      shared[3 * kPage + 1]);
  close(fd);
}

static void replaced_and_removed(void) {
  check_prefix = "removed";
  const volatile char* shared = map("four", MAP_SHARED, PROT_READ);
  const int fd = open("four", O_RDWR | O_TRUNC);
  write_at(fd, 0, 2 * kPage, 'n');
  say("%c%c", shared[1], shared[kPage + 1]);
  VALUE(unlink("four"));
  write_at(fd, 1, 5, 'o');
  say("%c%c", shared[1], shared[kPage + 1]);
  close(fd);
}

// What maps and stat say of the file is the same, before the first write and after it.
static void one_identity(void) {
  check_prefix = "identity";
  map("five", MAP_SHARED, PROT_READ);
  const int fd = open("five", O_RDWR);
  for (int round = 0; round < 2; ++round) {
    struct stat status;
    NEED(fstat(fd, &status) == 0);
    FILE* maps = fopen("/proc/self/maps", "r");
    char line[512];
    int found = 0;
    while (fgets(line, sizeof line, maps)) {
      unsigned long inode = 0;
      if (strstr(line, "/five\n") && sscanf(line, "%*s %*s %*s %*s %lu", &inode) == 1) found = inode == status.st_ino;
    }
    fclose(maps);
    TRUTH(found);
    if (round == 0) write_at(fd, 0, 1, 'z');
  }
  close(fd);
}

// Readers of a mapping and of the descriptor see each page's number only grow, while another thread writes.
static atomic_int stopped;

static void* reader(void* argument) {
  const volatile char* at = argument;
  char seen[kPages] = {0};
  long fell = 0;
  while (!atomic_load(&stopped)) {
    for (int page = 0; page < kPages; ++page) {
      const char now = at[page * kPage + 7];
      if (now < seen[page]) ++fell;
      seen[page] = now;
    }
  }
  return (void*)fell;
}

static void readers_meanwhile(void) {
  check_prefix = "readers";
  const volatile char* shared = map("six", MAP_SHARED, PROT_READ);
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, reader, (void*)shared);
  const int fd = open("six", O_RDWR);
  long written = 0;
  for (char value = 'A'; value <= 'Z'; ++value) {
    for (int page = 0; page < kPages; ++page) {
      char text[16];
      memset(text, value, sizeof text);
      written += pwrite(fd, text, sizeof text, (off_t)page * kPage);
    }
    look("after the write", shared + 6);
  }
  atomic_store(&stopped, 1);
  say("written: %ld", written);
  for (int i = 0; i < 2; ++i) {
    void* fell;
    pthread_join(threads[i], &fell);
    TRUTH(fell == NULL);
  }
  close(fd);
}

int main(void) {
  writing();
  writing_through_a_mapping();
  holes();
  replaced_and_removed();
  one_identity();
  readers_meanwhile();
  return 0;
}
