// SPDX-License-Identifier: Apache-2.0
//
// What Java's file API asks beside reading and writing: owners, extended attributes, access by effective ids, advice,
// copies within the kernel, and renames with directories and flags.

#include "suite.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static int make(const char* name, const char* text) {
  int fd = open(scratch(name), O_RDWR | O_CREAT | O_TRUNC, 0644);
  NEED(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  return fd;
}

static void show_owner(const char* name) {
  struct stat s;
  NEED(lstat(scratch(name), &s) == 0);
  say("%s: %u:%u mode %o", name, s.st_uid, s.st_gid, s.st_mode);
}

TEST(owners) {
  int fd = make("o", "x");
  NEED(fchmod(fd, 06755) == 0);
  VALUE(fchown(fd, 1234, 5678));
  show_owner("o");  // set-id bits go with a change of owner
  VALUE(chown(scratch("o"), -1, 99));
  show_owner("o");
  NEED(symlink("o", scratch("l")) == 0);
  VALUE(lchown(scratch("l"), 7, 8));
  show_owner("l");
  show_owner("o");
  VALUE(chown(scratch("l"), 11, -1));
  show_owner("o");
  int directory = open(scratch_directory(), O_RDONLY | O_DIRECTORY);
  VALUE(fchownat(directory, "l", 21, 22, AT_SYMLINK_NOFOLLOW));
  show_owner("l");
  VALUE(fchownat(fd, "", 31, 32, AT_EMPTY_PATH));
  show_owner("o");
  VALUE(fchownat(directory, "o", 1, 1, 0x8000));
  VALUE(chown(scratch("none"), 0, 0));
  VALUE(fchown(-1, 0, 0));
  close(directory);
  close(fd);
  unlink(scratch("l"));
  unlink(scratch("o"));
}

static void show_attributes(int fd) {
  char names[512];
  ssize_t size = flistxattr(fd, names, sizeof names);
  say("list: %zd", size);
  for (char* name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
    char value[64] = {0};
    ssize_t length = fgetxattr(fd, name, value, sizeof value - 1);
    // A machine with labels of its own has more.
    if (strncmp(name, "user.", 5) == 0) say("%s = %zd '%s'", name, length, value);
  }
}

TEST(extended_attributes) {
  int fd = make("x", "data");
  if (fsetxattr(fd, "user.first", "one", 3, 0) != 0) {
    // Not every file system of a host has them (tmpfs before Linux 6.6): nothing to compare with there.
    say("no attributes: %s", check_errno_name(errno));
    close(fd);
    unlink(scratch("x"));
    return;
  }
  VALUE(fsetxattr(fd, "user.first", "two", 3, XATTR_CREATE));
  VALUE(fsetxattr(fd, "user.second", "b", 1, XATTR_REPLACE));
  VALUE(fsetxattr(fd, "user.second", "bee", 3, XATTR_CREATE));
  show_attributes(fd);
  char value[8];
  VALUE(fgetxattr(fd, "user.first", NULL, 0));
  VALUE(fgetxattr(fd, "user.first", value, 2));
  VALUE(fgetxattr(fd, "user.none", value, sizeof value));
  VALUE(flistxattr(fd, NULL, 0));
  VALUE(flistxattr(fd, value, 3));
  VALUE(getxattr(scratch("x"), "user.second", value, sizeof value));
  NEED(symlink("x", scratch("xl")) == 0);
  VALUE(getxattr(scratch("xl"), "user.second", value, sizeof value));
  VALUE(lgetxattr(scratch("xl"), "user.second", value, sizeof value));
  VALUE(lsetxattr(scratch("xl"), "user.a", "b", 1, 0));
  VALUE(setxattr(scratch("xl"), "user.third", "3", 1, 0));
  show_attributes(fd);
  VALUE(fremovexattr(fd, "user.first"));
  VALUE(fremovexattr(fd, "user.first"));
  VALUE(removexattr(scratch("x"), "user.second"));
  VALUE(lremovexattr(scratch("xl"), "user.third"));
  VALUE(fsetxattr(fd, "nonsense", "x", 1, 0));
  VALUE(fsetxattr(fd, "user.", "x", 1, 0));
  VALUE(fsetxattr(fd, "user.flags", "x", 1, 4));
  char long_name[300] = "user.";
  memset(long_name + 5, 'n', sizeof long_name - 6);
  VALUE(fsetxattr(fd, long_name, "x", 1, 0));
  VALUE(fgetxattr(-1, "user.first", value, 1));
  show_attributes(fd);
  close(fd);
  unlink(scratch("xl"));
  unlink(scratch("x"));
}

TEST(access_by_effective_ids) {
  close(make("a", "x"));
  NEED(chmod(scratch("a"), 0) == 0);
  int directory = open(scratch_directory(), O_RDONLY | O_DIRECTORY);
  for (int flags = 0; flags <= AT_EACCESS; flags += AT_EACCESS) {
    VALUE(syscall(SYS_faccessat2, directory, "a", F_OK, flags));
    VALUE(syscall(SYS_faccessat2, directory, "a", R_OK | W_OK, flags));
    VALUE(syscall(SYS_faccessat2, directory, "a", X_OK, flags));
    VALUE(syscall(SYS_faccessat2, directory, "none", F_OK, flags));
  }
  NEED(symlink("none", scratch("dangling")) == 0);
  VALUE(syscall(SYS_faccessat2, directory, "dangling", F_OK, 0));
  VALUE(syscall(SYS_faccessat2, directory, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
  VALUE(syscall(SYS_faccessat2, directory, "", F_OK, AT_EMPTY_PATH));
  VALUE(syscall(SYS_faccessat2, directory, "a", 8, 0));
  VALUE(syscall(SYS_faccessat2, directory, "a", F_OK, 0x10000));
  close(directory);
  unlink(scratch("dangling"));
  unlink(scratch("a"));
}

TEST(advice_on_files) {
  int fd = make("v", "0123456789");
  for (int advice = POSIX_FADV_NORMAL; advice <= POSIX_FADV_NOREUSE; ++advice) VALUE(posix_fadvise(fd, 0, 0, advice));
  VALUE(posix_fadvise(fd, 2, 1000000, POSIX_FADV_WILLNEED));
  VALUE(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL));
  VALUE(posix_fadvise(fd, 0, 0, 99));
  VALUE(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL));
  int ends[2];
  NEED(pipe(ends) == 0);
  VALUE(posix_fadvise(ends[0], 0, 0, POSIX_FADV_WILLNEED));
  char text[16] = {0};
  VALUE(pread(fd, text, sizeof text, 0));
  close(ends[0]);
  close(ends[1]);
  close(fd);
  unlink(scratch("v"));
}

TEST(copies_within_the_kernel) {
  int from = make("from", "0123456789abcdef"), to = make("to", "");
  loff_t in = 4, out = 2;
  VALUE(copy_file_range(from, &in, to, &out, 6, 0));
  say("offsets %lld %lld", (long long)in, (long long)out);
  NEED(lseek(from, 14, SEEK_SET) == 14);
  VALUE(copy_file_range(from, NULL, to, NULL, 100, 0));
  VALUE(copy_file_range(from, NULL, to, NULL, 100, 0));
  VALUE(lseek(to, 0, SEEK_CUR));
  char text[32] = {0};
  ssize_t size = pread(to, text, sizeof text, 0);
  say("%zd: %02x%02x '%s'", size, text[0], text[1], text + 2);
  VALUE(copy_file_range(from, NULL, to, NULL, 1, 1));
  int reading = open(scratch("to"), O_RDONLY), appending = open(scratch("to"), O_WRONLY | O_APPEND);
  VALUE(copy_file_range(from, NULL, reading, NULL, 1, 0));
  VALUE(copy_file_range(from, NULL, appending, NULL, 1, 0));
  in = 0, out = 3;
  VALUE(copy_file_range(from, &in, from, &out, 8, 0));
  int ends[2];
  NEED(pipe(ends) == 0);
  VALUE(copy_file_range(ends[0], NULL, to, NULL, 1, 0));
  int directory = open(scratch_directory(), O_RDONLY | O_DIRECTORY);
  VALUE(copy_file_range(directory, NULL, to, NULL, 1, 0));
  const int all[] = {ends[0], ends[1], directory, reading, appending, from, to};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) close(all[i]);
  unlink(scratch("from"));
  unlink(scratch("to"));
}

static void show_names(const char* const* names) {
  for (; *names; ++names) {
    struct stat s;
    say("%s: %s", *names, lstat(scratch(*names), &s) != 0 ? "none" : S_ISDIR(s.st_mode) ? "directory" : "file");
  }
}

TEST(renames_with_directories_and_flags) {
  static const char* const names[] = {"a", "b", "d", "d/a", "d/e", NULL};
  close(make("a", "a"));
  NEED(mkdir(scratch("d"), 0755) == 0);
  int top = open(scratch_directory(), O_RDONLY | O_DIRECTORY), below = open(scratch("d"), O_RDONLY | O_DIRECTORY);
  VALUE(renameat(top, "a", below, "a"));
  show_names(names);
  VALUE(renameat(top, "a", below, "a"));
  VALUE(renameat2(below, "a", top, "b", RENAME_NOREPLACE));
  close(make("a", "again"));
  VALUE(renameat2(top, "a", top, "b", RENAME_NOREPLACE));
  VALUE(renameat2(top, "a", top, "b", 0x100));
  VALUE(renameat2(top, "a", top, "b", RENAME_NOREPLACE | RENAME_EXCHANGE));
  NEED(mkdir(scratch("d/e"), 0755) == 0);
  VALUE(renameat(top, "d", below, "e"));  // into itself
  VALUE(renameat(top, "a", top, "d"));
  VALUE(renameat(top, "d", top, "a"));
  VALUE(renameat(top, "a", below, "none/x"));
  VALUE(renameat(-1, "a", top, "x"));
  show_names(names);
  close(below);
  close(top);
  unlink(scratch("a"));
  unlink(scratch("b"));
  rmdir(scratch("d/e"));
  rmdir(scratch("d"));
}
