// SPDX-License-Identifier: Apache-2.0
//
// Names: directories, links, the stat family, access, the working directory.

#include "suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

static void touch(const char* name) { close(open(scratch(name), O_WRONLY | O_CREAT, 0644)); }

static int by_name(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

// The names in a directory, sorted, with their types.
static void list(const char* path) {
  DIR* directory = opendir(path);
  if (directory == NULL) {
    say("list: %s", check_errno_name(errno));
    return;
  }
  char* names[400];
  int count = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL && count < 400;) {
    char text[300];
    snprintf(text, sizeof text, "%s:%d", entry->d_name, entry->d_type);
    names[count++] = strdup(text);
  }
  closedir(directory);
  qsort(names, count, sizeof *names, by_name);
  char line[900] = "";
  for (int i = 0; i < count; ++i) {
    if (count < 20) {
      strcat(line, names[i]);
      strcat(line, " ");
    }
    free(names[i]);
  }
  say("list: %d: %s", count, line);
}

TEST(directory_life) {
  VALUE(mkdir(scratch("d"), 0755));
  VALUE(mkdir(scratch("d"), 0755));
  VALUE(mkdir(scratch("none/d"), 0755));
  touch("d/file");
  NEED(symlink("file", scratch("d/link")) == 0);
  NEED(mkdir(scratch("d/sub"), 0700) == 0);
  list(scratch("d"));
  struct stat status;
  NEED(stat(scratch("d"), &status) == 0);
  say("mode %o", status.st_mode);
  VALUE(rmdir(scratch("d")));
  VALUE(rmdir(scratch("d/file")));
  VALUE(unlink(scratch("d/file")));
  VALUE(unlink(scratch("d/link")));
  VALUE(rmdir(scratch("d/sub")));
  VALUE(rmdir(scratch("d/.")));
  int fd = open(scratch("d"), O_RDONLY | O_DIRECTORY);
  VALUE(rmdir(scratch("d")));
  OUTCOME(openat(fd, "new", O_WRONLY | O_CREAT, 0600));  // a removed directory takes no names
  close(fd);
  VALUE(rmdir(scratch("d")));
  list(scratch("d"));
  VALUE(mkdir("/", 0755));
  VALUE(rmdir("/"));
}

TEST(getdents64_in_small_pieces) {
  NEED(mkdir(scratch("many"), 0755) == 0);
  char name[32];
  for (int i = 0; i < 300; ++i) {
    snprintf(name, sizeof name, "many/entry-%03d", i);
    touch(name);
  }
  list(scratch("many"));
  int fd = open(scratch("many"), O_RDONLY | O_DIRECTORY);
  char block[200];
  int seen = 0, calls = 0;
  for (long n; (n = syscall(SYS_getdents64, fd, block, sizeof block)) > 0; ++calls) {
    for (long at = 0; at < n;) {
      struct dirent64* entry = (struct dirent64*)(block + at);
      seen++;
      if (entry->d_reclen % 8 != 0 || entry->d_ino == 0) say("odd entry %s", entry->d_name);
      at += entry->d_reclen;
    }
  }
  VALUE(seen);
  TRUTH(calls > 30);
  VALUE(syscall(SYS_getdents64, fd, block, 10));
  NEED(lseek(fd, 0, SEEK_SET) == 0);
  VALUE(syscall(SYS_getdents64, fd, block, 10));  // no room for one entry
  TRUTH(syscall(SYS_getdents64, fd, block, sizeof block) > 0);
  VALUE(syscall(SYS_getdents64, fd, (void*)8, 200));
  int file = open(scratch("many/entry-000"), O_RDONLY);
  VALUE(syscall(SYS_getdents64, file, block, sizeof block));
  close(file);
  char byte;
  VALUE(read(fd, &byte, 1));
  // Removing while reading must not skip what stays.
  DIR* directory = opendir(scratch("many"));
  int removed = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    removed += unlinkat(fd, entry->d_name, 0) == 0;
  }
  closedir(directory);
  VALUE(removed);
  close(fd);
  VALUE(rmdir(scratch("many")));
}

TEST(symbolic_links) {
  touch("target");
  VALUE(symlink("target", scratch("l")));
  VALUE(symlink("target", scratch("l")));
  char text[64] = {0};
  VALUE(readlink(scratch("l"), text, sizeof text));
  say("%s", text);
  memset(text, 0, sizeof text);
  VALUE(readlink(scratch("l"), text, 3));
  say("%s", text);
  VALUE(readlink(scratch("target"), text, 10));
  VALUE(readlink(scratch("none"), text, 10));
  VALUE(readlink(scratch("l"), text, 0));
  VALUE(readlinkat(AT_FDCWD, scratch("l"), text, sizeof text));
  struct stat status;
  NEED(lstat(scratch("l"), &status) == 0);
  say("lstat: link %d, size %ld, mode %o", S_ISLNK(status.st_mode), (long)status.st_size, status.st_mode);
  NEED(stat(scratch("l"), &status) == 0);
  say("stat: regular %d", S_ISREG(status.st_mode));
  OUTCOME(open(scratch("l"), O_RDONLY | O_NOFOLLOW));
  NEED(symlink("loop", scratch("loop")) == 0);
  OUTCOME(open(scratch("loop"), O_RDONLY));
  VALUE(stat(scratch("loop"), &status));
  NEED(symlink("nowhere", scratch("dangling")) == 0);
  VALUE(stat(scratch("dangling"), &status));
  VALUE(access(scratch("dangling"), F_OK));
  close(OUTCOME(open(scratch("dangling"), O_WRONLY | O_CREAT, 0600)));  // makes the target
  VALUE(access(scratch("nowhere"), F_OK));
  VALUE(symlink("", scratch("empty")));
  const char* const names[] = {"target", "l", "loop", "dangling", "nowhere"};
  for (int i = 0; i < 5; ++i) NEED(unlink(scratch(names[i])) == 0);
}

TEST(hard_links) {
  touch("h");
  struct stat a, b;
  VALUE(link(scratch("h"), scratch("h2")));
  NEED(stat(scratch("h"), &a) == 0 && stat(scratch("h2"), &b) == 0);
  say("same %d, links %ld", a.st_ino == b.st_ino && a.st_dev == b.st_dev, (long)a.st_nlink);
  VALUE(link(scratch("h"), scratch("h2")));
  VALUE(link(scratch("none"), scratch("h3")));
  VALUE(link(scratch_directory(), scratch("h3")));
  NEED(unlink(scratch("h")) == 0);
  NEED(stat(scratch("h2"), &b) == 0);
  say("links %ld", (long)b.st_nlink);
  unlink(scratch("h2"));
}

TEST(stat_family) {
  int fd = open(scratch("s"), O_RDWR | O_CREAT | O_TRUNC, 0640);
  NEED(write(fd, "12345", 5) == 5);
  struct stat a, b;
  NEED(fstat(fd, &a) == 0);
  say("mode %o, size %ld, block size %ld, links %ld", a.st_mode, (long)a.st_size, (long)a.st_blksize,
      (long)a.st_nlink);
  NEED(fstatat(AT_FDCWD, scratch("s"), &b, 0) == 0);
  TRUTH(a.st_ino == b.st_ino && a.st_dev == b.st_dev && b.st_size == 5);
  NEED(fstatat(fd, "", &b, AT_EMPTY_PATH) == 0);
  TRUTH(a.st_ino == b.st_ino);
  VALUE(fstatat(fd, "", &b, 0));
  VALUE(fstatat(AT_FDCWD, "", &b, 0));
  VALUE(fstatat(AT_FDCWD, scratch("s"), &b, 0x8000000));
  VALUE(syscall(SYS_stat, scratch("s"), &b));
  VALUE(syscall(SYS_lstat, scratch("s"), &b));
  VALUE(syscall(SYS_fstat, fd, &b));
  VALUE(syscall(SYS_stat, scratch("s"), NULL));
  VALUE(syscall(SYS_fstat, 999, &b));
  struct statx x;
  VALUE(statx(AT_FDCWD, scratch("s"), AT_STATX_SYNC_AS_STAT, STATX_ALL, &x));
  say("statx: mode %o, size %ld, mask has basics %d", x.stx_mode, (long)x.stx_size,
      (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
  TRUTH(x.stx_ino == a.st_ino && makedev(x.stx_dev_major, x.stx_dev_minor) == a.st_dev);
  VALUE(statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MODE, &x));
  VALUE(statx(AT_FDCWD, scratch("none"), 0, STATX_ALL, &x));
  VALUE(statx(AT_FDCWD, scratch("s"), 0x8000000, STATX_ALL, &x));
  VALUE(statx(AT_FDCWD, scratch("s"), 0, 0x80000000, &x));
  time_t now = time(NULL);
  TRUTH(labs(now - a.st_mtime) < 20);
  struct timespec times[2] = {{1000000000, 5}, {1100000000, 123456789}};
  VALUE(utimensat(AT_FDCWD, scratch("s"), times, 0));
  NEED(fstat(fd, &a) == 0);
  say("atime %ld.%09ld mtime %ld.%09ld", (long)a.st_atim.tv_sec, a.st_atim.tv_nsec, (long)a.st_mtim.tv_sec,
      a.st_mtim.tv_nsec);
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_nsec = UTIME_NOW;
  VALUE(futimens(fd, times));
  NEED(fstat(fd, &a) == 0);
  TRUTH(a.st_atim.tv_sec == 1000000000 && labs(now - a.st_mtime) < 20);
  VALUE(fchmod(fd, 0400));
  VALUE(chmod(scratch("s"), 0604));
  NEED(fstat(fd, &a) == 0);
  say("mode %o", a.st_mode);
  VALUE(chmod(scratch("none"), 0604));
  close(fd);
  unlink(scratch("s"));
}

TEST(umask_shapes_modes) {
  mode_t old = umask(027);
  close(open(scratch("m"), O_WRONLY | O_CREAT, 0666));
  NEED(mkdir(scratch("md"), 0777) == 0);
  struct stat status;
  NEED(stat(scratch("m"), &status) == 0);
  say("%o", status.st_mode);
  NEED(stat(scratch("md"), &status) == 0);
  say("%o", status.st_mode);
  say("%o", umask(old));
  unlink(scratch("m"));
  rmdir(scratch("md"));
}

TEST(access_modes) {
  touch("a");
  VALUE(access(scratch("a"), F_OK));
  VALUE(access(scratch("a"), R_OK | W_OK));
  VALUE(access(scratch("a"), X_OK));
  NEED(chmod(scratch("a"), 0755) == 0);
  VALUE(access(scratch("a"), X_OK));
  VALUE(access(scratch("a"), 0x10));
  VALUE(access(scratch("none"), F_OK));
  VALUE(access(scratch("a/x"), F_OK));
  VALUE(access("", F_OK));
  VALUE(faccessat(AT_FDCWD, scratch("a"), R_OK, 0));
  VALUE(access(scratch_directory(), X_OK));
  unlink(scratch("a"));
}

TEST(working_directory) {
  char before[PATH_MAX], now[PATH_MAX];
  NEED(getcwd(before, sizeof before) != NULL);
  NEED(mkdir(scratch("w"), 0755) == 0);
  VALUE(chdir(scratch("w")));
  NEED(getcwd(now, sizeof now) != NULL);
  TRUTH(strcmp(now, scratch("w")) == 0);
  TRUTH(syscall(SYS_getcwd, now, sizeof now) == (long)strlen(now) + 1);
  VALUE(syscall(SYS_getcwd, now, 2));
  close(open("relative", O_WRONLY | O_CREAT, 0600));
  VALUE(access(scratch("w/relative"), F_OK));
  VALUE(chdir("relative"));
  VALUE(chdir("none"));
  VALUE(chdir(".."));
  NEED(getcwd(now, sizeof now) != NULL);
  TRUTH(strcmp(now, scratch_directory()) == 0);
  int fd = open("w", O_RDONLY | O_DIRECTORY);
  VALUE(fchdir(fd));
  VALUE(access("relative", F_OK));
  VALUE(fchdir(999));
  close(fd);
  VALUE(access("../w/./../w//relative", F_OK));
  VALUE(access("relative/", F_OK));
  VALUE(chdir("/"));
  VALUE(access("..", F_OK));  // the root is its own parent
  NEED(chdir(before) == 0);
  unlink(scratch("w/relative"));
  VALUE(rmdir(scratch("w")));
}

TEST(statfs_of_files) {
  struct statfs fs;
  VALUE(statfs(scratch_directory(), &fs));
  TRUTH(fs.f_bsize >= 512 && fs.f_blocks > 0 && fs.f_namelen == 255);
  TRUTH((fs.f_bsize & (fs.f_bsize - 1)) == 0 && (fs.f_frsize & (fs.f_frsize - 1)) == 0);
  VALUE(statfs(scratch("none"), &fs));
  VALUE(statfs("/proc", &fs));
  say("%#lx", (long)fs.f_type);
  VALUE(fstatfs(999, &fs));
  VALUE(statfs("/", NULL));
}

TEST(special_files) {
  struct stat status;
  const char* const names[] = {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"};
  for (int i = 0; i < 4; ++i) {
    NEED(stat(names[i], &status) == 0);
    say("%s: character device %d, %d:%d", names[i], S_ISCHR(status.st_mode), major(status.st_rdev), minor(status.st_rdev));
  }
  char block[64];
  int fd = open("/dev/null", O_RDWR);
  VALUE(read(fd, block, 64));
  VALUE(write(fd, block, 64));
  close(fd);
  fd = open("/dev/zero", O_RDONLY);
  memset(block, 1, 64);
  VALUE(read(fd, block, 64));
  int sum = 0;
  for (int i = 0; i < 64; ++i) sum += block[i];
  VALUE(sum);
  close(fd);
  fd = open("/dev/urandom", O_RDONLY);
  char other[64] = {0};
  VALUE(read(fd, block, 64));
  VALUE(read(fd, other, 64));
  TRUTH(memcmp(block, other, 64) != 0);
  close(fd);
  VALUE(syscall(SYS_getrandom, block, 64, 0));
  VALUE(syscall(SYS_getrandom, other, 8, 1));
  TRUTH(memcmp(block, other, 8) != 0);
  VALUE(syscall(SYS_getrandom, block, 64, 0x100));
}
