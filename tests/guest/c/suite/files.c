// SPDX-License-Identifier: Apache-2.0
//
// Regular files: opening, reading, writing, position, size, names that come and go while a file is open.

#include "suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

static void put(const char* name, const char* text) {
  int fd = open(scratch(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  NEED(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

static void show(const char* name) {
  char text[128] = {0};
  int fd = open(scratch(name), O_RDONLY);
  if (fd < 0) {
    say("%s: %s", name, check_errno_name(errno));
    return;
  }
  ssize_t n = read(fd, text, sizeof text - 1);
  say("%s: %zd '%s'", name, n, text);
  close(fd);
}

TEST(open_flags) {
  unlink(scratch("f"));
  OUTCOME(open(scratch("f"), O_RDONLY));
  int fd = OUTCOME(open(scratch("f"), O_RDWR | O_CREAT | O_EXCL, 0100644));
  OUTCOME(open(scratch("f"), O_RDWR | O_CREAT | O_EXCL, 0644));
  NEED(write(fd, "0123456789", 10) == 10);
  close(fd);
  fd = open(scratch("f"), O_WRONLY | O_APPEND);
  say("flags %#x", fcntl(fd, F_GETFL) & ~0x8000);
  NEED(lseek(fd, 2, SEEK_SET) == 2);
  VALUE(write(fd, "ab", 2));
  VALUE(lseek(fd, 0, SEEK_CUR));
  VALUE(read(fd, (char[4]){0}, 4));
  close(fd);
  show("f");
  fd = open(scratch("f"), O_RDONLY);
  VALUE(write(fd, "x", 1));
  VALUE(ftruncate(fd, 1));
  close(fd);
  close(open(scratch("f"), O_WRONLY | O_TRUNC));
  show("f");
  OUTCOME(open(scratch("f/under"), O_RDONLY));
  OUTCOME(open(scratch("missing/under"), O_RDONLY | O_CREAT, 0600));
  OUTCOME(open(scratch_directory(), O_WRONLY));
  OUTCOME(open(scratch("f"), O_RDONLY | O_DIRECTORY));
  OUTCOME(open("", O_RDONLY));
  OUTCOME(open(scratch("newdir/"), O_RDONLY | O_CREAT, 0600));
  char name[300];
  memset(name, 'n', sizeof name);
  name[299] = 0;
  OUTCOME(open(name, O_RDONLY));
  OUTCOME(openat(999, "f", O_RDONLY));
  OUTCOME(openat(0, "f", O_RDONLY));
  unlink(scratch("f"));
}

TEST(descriptor_numbers_are_the_lowest_free) {
  int a = dup(1), b = dup(1), c = dup(1);
  say("%d %d", b - a, c - a);
  close(b);
  TRUTH(dup(1) == b);
  TRUTH(fcntl(1, F_DUPFD, c + 10) == c + 10);
  TRUTH(fcntl(1, F_DUPFD_CLOEXEC, c + 10) == c + 11);
  VALUE(fcntl(c + 11, F_GETFD));
  VALUE(fcntl(c + 10, F_GETFD));
  TRUTH(dup2(1, c + 20) == c + 20);
  TRUTH(dup2(c, c) == c);
  VALUE(dup2(999, 5));
  VALUE(dup3(1, 1, 0));
  TRUTH(dup3(1, c + 21, O_CLOEXEC) == c + 21);
  VALUE(fcntl(c + 21, F_GETFD));
  VALUE(fcntl(c + 21, F_SETFD, 0));
  VALUE(fcntl(c + 21, F_GETFD));
  VALUE(fcntl(999, F_GETFD));
  VALUE(fcntl(c, 12345));
  VALUE(close(999));
  VALUE(close(-1));
  const int all[] = {a, b, c, c + 10, c + 11, c + 20, c + 21};
  for (int i = 0; i < 7; ++i) NEED(close(all[i]) == 0);
  VALUE(close(a));
}

TEST(read_write_and_position) {
  put("f", "abcdefghij");
  int fd = open(scratch("f"), O_RDWR);
  char text[16] = {0};
  VALUE(read(fd, text, 4));
  VALUE(lseek(fd, 0, SEEK_CUR));
  VALUE(pread(fd, text, 3, 6));
  VALUE(lseek(fd, 0, SEEK_CUR));
  VALUE(pread(fd, text, 3, 100));
  VALUE(pread(fd, text, 3, -1));
  VALUE(pwrite(fd, "XY", 2, 12));
  VALUE(lseek(fd, 0, SEEK_END));
  VALUE(lseek(fd, -2, SEEK_END));
  VALUE(lseek(fd, -100, SEEK_CUR));
  VALUE(lseek(fd, 0, 99));
  VALUE(lseek(fd, 1000, SEEK_SET));
  VALUE(read(fd, text, 4));
  VALUE(read(fd, text, 0));
  NEED(pread(fd, text, 14, 0) == 14);
  say("%d%d hole, %c", text[10], text[11], text[12]);
  VALUE(ftruncate(fd, 3));
  VALUE(lseek(fd, 0, SEEK_END));
  VALUE(ftruncate(fd, 5));
  NEED(pread(fd, text, 5, 0) == 5);
  say("%.3s%d%d", text, text[3], text[4]);
  VALUE(ftruncate(fd, -1));
  VALUE(truncate(scratch("f"), 1));
  VALUE(lseek(fd, 0, SEEK_END));
  VALUE(truncate(scratch("none"), 1));
  close(fd);
  VALUE(read(fd, text, 1));
  unlink(scratch("f"));
}

TEST(vectored_io) {
  int fd = open(scratch("v"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  struct iovec out[3] = {{"one", 3}, {"", 0}, {"three", 5}};
  VALUE(writev(fd, out, 3));
  char a[2], b[10] = {0};
  struct iovec in[2] = {{a, 2}, {b, 9}};
  NEED(lseek(fd, 0, SEEK_SET) == 0);
  VALUE(readv(fd, in, 2));
  say("%.2s|%s", a, b);
  VALUE(preadv(fd, in, 2, 1));
  VALUE(pwritev(fd, out, 1, 20));
  VALUE(lseek(fd, 0, SEEK_END));
  VALUE(writev(fd, out, -1));
  VALUE(writev(fd, out, 2000));
  VALUE(writev(fd, (void*)8, 1));
  VALUE(writev(fd, out, 0));
  close(fd);
  unlink(scratch("v"));
}

TEST(shared_offsets_after_dup) {
  put("d", "abcdef");
  int a = open(scratch("d"), O_RDONLY), b = dup(a), c = open(scratch("d"), O_RDONLY);
  char text[3] = {0};
  NEED(read(a, text, 2) == 2);
  NEED(read(b, text, 2) == 2);
  say("dup reads %s", text);
  NEED(read(c, text, 2) == 2);
  say("a second open reads %s", text);
  close(a);
  close(b);
  close(c);
  unlink(scratch("d"));
}

TEST(unlink_while_open) {
  put("u", "still here");
  int fd = open(scratch("u"), O_RDWR);
  VALUE(unlink(scratch("u")));
  OUTCOME(open(scratch("u"), O_RDONLY));
  char text[16] = {0};
  VALUE(read(fd, text, 15));
  say("%s", text);
  struct stat status;
  NEED(fstat(fd, &status) == 0);
  say("links %ld", (long)status.st_nlink);
  VALUE(write(fd, "!", 1));
  put("u", "another");  // the name is free for a new file
  NEED(pread(fd, text, 11, 0) == 11);
  say("%.11s", text);
  show("u");
  char link[160] = {0}, path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  NEED(readlink(path, link, sizeof link - 1) > 0);
  TRUTH(strstr(link, "/u (deleted)") != NULL);
  close(fd);
  VALUE(unlink(scratch("u")));
  VALUE(unlink(scratch("u")));
  VALUE(unlink(scratch_directory()));
}

TEST(rename_files) {
  put("a", "A");
  put("b", "B");
  int fd = open(scratch("b"), O_RDONLY);
  VALUE(rename(scratch("a"), scratch("b")));
  show("a");
  show("b");
  char c;
  NEED(read(fd, &c, 1) == 1);
  say("the replaced file is still %c", c);
  close(fd);
  VALUE(rename(scratch("none"), scratch("c")));
  VALUE(rename(scratch("b"), scratch("b")));
  NEED(mkdir(scratch("dir"), 0755) == 0);
  VALUE(rename(scratch("b"), scratch("dir")));
  VALUE(rename(scratch("dir"), scratch("b")));
  VALUE(rename(scratch("b"), scratch("dir/b")));
  VALUE(rename(scratch("dir"), scratch("dir/inside")));
  NEED(mkdir(scratch("other"), 0755) == 0);
  VALUE(rename(scratch("other"), scratch("dir")));
  VALUE(rename(scratch("dir"), scratch("other")));
  show("other/b");
  VALUE(unlink(scratch("other/b")));
  VALUE(rmdir(scratch("other")));
}

TEST(locks_of_one_process) {
  put("l", "lock");
  int a = open(scratch("l"), O_RDWR), b = open(scratch("l"), O_RDWR);
  VALUE(flock(a, LOCK_EX | LOCK_NB));
  VALUE(flock(b, LOCK_EX | LOCK_NB));  // another open file: contends
  VALUE(flock(b, LOCK_SH | LOCK_NB));
  VALUE(flock(a, LOCK_SH));
  VALUE(flock(b, LOCK_SH | LOCK_NB));
  VALUE(flock(a, LOCK_UN));
  VALUE(flock(b, LOCK_EX | LOCK_NB));
  close(b);  // closing gives it up
  VALUE(flock(a, LOCK_EX | LOCK_NB));
  VALUE(flock(999, LOCK_EX));
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
  VALUE(fcntl(a, F_SETLK, &lock));
  VALUE(fcntl(a, F_SETLKW, &lock));
  lock.l_type = F_RDLCK;
  VALUE(fcntl(a, F_GETLK, &lock));
  say("own locks do not conflict: %d", lock.l_type == F_UNLCK);
  lock.l_type = F_UNLCK;
  VALUE(fcntl(a, F_SETLK, &lock));
  lock.l_type = 99;
  VALUE(fcntl(a, F_SETLK, &lock));
  close(a);
  int read_only = open(scratch("l"), O_RDONLY);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
  VALUE(fcntl(read_only, F_SETLK, &lock));
  close(read_only);
  unlink(scratch("l"));
}

TEST(big_file_through_the_page_cache) {
  int fd = open(scratch("big"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  static char block[65536], back[65536];
  unsigned value = 1;
  for (int i = 0; i < 64; ++i) {
    for (size_t at = 0; at < sizeof block; at += 4) {
      value = value * 1103515245 + 12345;
      memcpy(block + at, &value, 4);
    }
    NEED(write(fd, block, sizeof block) == sizeof block);
  }
  NEED(lseek(fd, 0, SEEK_SET) == 0);
  value = 1;
  int wrong = 0;
  for (int i = 0; i < 64; ++i) {
    NEED(read(fd, back, sizeof back) == sizeof back);
    for (size_t at = 0; at < sizeof back; at += 4) {
      value = value * 1103515245 + 12345;
      wrong += memcmp(back + at, &value, 4) != 0;
    }
  }
  VALUE(wrong);
  VALUE(fsync(fd));
  VALUE(fdatasync(fd));
  close(fd);
  unlink(scratch("big"));
}

#define MAKERS 4
#define ROUNDS 60
static pthread_barrier_t makers_begin;
static char made_by_many[128];

static void* make_and_append(void* errors) {
  for (int round = 0; round < ROUNDS; ++round) {
    pthread_barrier_wait(&makers_begin);
    int fd = open(made_by_many, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0 || write(fd, "x", 1) != 1) *(int*)errors = errno;
    close(fd);
    if (pthread_barrier_wait(&makers_begin) == PTHREAD_BARRIER_SERIAL_THREAD) {
      struct stat status;
      if (stat(made_by_many, &status) != 0 || status.st_size != MAKERS) *(int*)errors = 1000;
      unlink(made_by_many);
    }
    pthread_barrier_wait(&makers_begin);
  }
  return 0;
}

// Whoever comes second opens what the first has made; EEXIST is for O_EXCL.
TEST(many_threads_make_one_file) {
  int errors[MAKERS] = {0};
  snprintf(made_by_many, sizeof made_by_many, "%s", scratch("shared"));
  unsigned long threads[MAKERS];
  pthread_barrier_init(&makers_begin, 0, MAKERS);
  for (int i = 0; i < MAKERS; ++i) threads[i] = start_thread(make_and_append, &errors[i]);
  for (int i = 0; i < MAKERS; ++i) {
    join_thread(threads[i]);
    VALUE(errors[i]);
  }
  pthread_barrier_destroy(&makers_begin);
}
