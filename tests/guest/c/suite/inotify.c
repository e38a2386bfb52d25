// SPDX-License-Identifier: Apache-2.0
//
// inotify: which events an operation gives, in which order, under which names.

#include "suite.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static const struct {
  uint32_t bit;
  const char* name;
} kBits[] = {
    {IN_ACCESS, "ACCESS"},           {IN_MODIFY, "MODIFY"},         {IN_ATTRIB, "ATTRIB"},
    {IN_CLOSE_WRITE, "CLOSE_WRITE"}, {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"},
    {IN_MOVED_FROM, "MOVED_FROM"},   {IN_MOVED_TO, "MOVED_TO"},     {IN_CREATE, "CREATE"},
    {IN_DELETE, "DELETE"},           {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
    {IN_IGNORED, "IGNORED"},         {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_ISDIR, "ISDIR"},
};

// Says what has come, oldest first.
static void show_events(int fd, const char* after) {
  char buffer[8192] __attribute__((aligned(8)));
  uint32_t cookie = 0;
  ssize_t size = read(fd, buffer, sizeof buffer);
  if (size < 0) {
    say("%s: %s", after, check_errno_name(errno));
    return;
  }
  for (ssize_t at = 0; at < size;) {
    const struct inotify_event* event = (const struct inotify_event*)(buffer + at);
    char text[200] = "";
    for (unsigned i = 0; i < sizeof kBits / sizeof kBits[0]; ++i)
      if (event->mask & kBits[i].bit) snprintf(text + strlen(text), sizeof text - strlen(text), " %s", kBits[i].name);
    const char* pair = event->cookie == 0 ? "" : event->cookie == cookie ? ", same cookie" : ", a cookie";
    say("%s: watch %d%s '%s' (%u bytes of name)%s", after, event->wd, text, event->len ? event->name : "", event->len, pair);
    cookie = event->cookie;
    at += sizeof *event + event->len;
  }
}

static int new_directory(const char* name) {
  int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  NEED(fd >= 0);
  NEED(mkdir(scratch(name), 0755) == 0);
  NEED(inotify_add_watch(fd, scratch(name), IN_ALL_EVENTS) == 1);
  return fd;
}

TEST(inotify_names) {
  int fd = new_directory("watched");
  int file = open(scratch("watched/f"), O_RDWR | O_CREAT, 0600);
  NEED(file >= 0);
  show_events(fd, "create");
  NEED(write(file, "hello", 5) == 5 && pwrite(file, "j", 1, 0) == 1);
  show_events(fd, "two writes");
  char text[8];
  NEED(pread(file, text, 5, 0) == 5 && pread(file, text, 5, 5) == 0);
  show_events(fd, "read, and read at the end");
  NEED(ftruncate(file, 2) == 0);
  show_events(fd, "ftruncate");
  NEED(fchmod(file, 0644) == 0);
  show_events(fd, "fchmod");
  NEED(utimensat(AT_FDCWD, scratch("watched/f"), NULL, 0) == 0);
  show_events(fd, "utimensat");
  const struct timespec one[2] = {{0, UTIME_OMIT}, {5, 0}};
  NEED(futimens(file, one) == 0);
  show_events(fd, "futimens of the modification only");
  close(file);
  show_events(fd, "close");
  close(open(scratch("watched/f"), O_RDONLY));
  show_events(fd, "open and close");
  close(open(scratch("watched/f"), O_WRONLY | O_TRUNC));
  show_events(fd, "open with O_TRUNC");
  NEED(truncate(scratch("watched/f"), 10) == 0);
  show_events(fd, "truncate");
  NEED(mkdir(scratch("watched/d"), 0700) == 0);
  show_events(fd, "mkdir");
  NEED(symlink("f", scratch("watched/s")) == 0);
  show_events(fd, "symlink");
  NEED(link(scratch("watched/f"), scratch("watched/a longer name than that")) == 0);
  show_events(fd, "link");
  NEED(unlink(scratch("watched/a longer name than that")) == 0);
  show_events(fd, "unlink one of two names");
  NEED(rename(scratch("watched/f"), scratch("watched/g")) == 0);
  show_events(fd, "rename");
  NEED(rename(scratch("watched/g"), scratch("outside")) == 0);
  show_events(fd, "rename to elsewhere");
  NEED(rename(scratch("outside"), scratch("watched/back")) == 0);
  show_events(fd, "rename from elsewhere");
  NEED(rename(scratch("watched/back"), scratch("watched/s")) == 0);
  show_events(fd, "rename over another");
  NEED(unlink(scratch("watched/s")) == 0);
  show_events(fd, "unlink");
  NEED(rmdir(scratch("watched/d")) == 0);
  show_events(fd, "rmdir");
  NEED(rmdir(scratch("watched")) == 0);
  show_events(fd, "rmdir of the watched one");
  VALUE(inotify_rm_watch(fd, 1));
  close(fd);
}

TEST(inotify_of_a_file) {
  int fd = new_directory("watched");
  close(open(scratch("watched/f"), O_WRONLY | O_CREAT, 0600));
  show_events(fd, "create");
  VALUE(inotify_add_watch(fd, scratch("watched/f"), IN_ALL_EVENTS));
  close(open(scratch("watched/f"), O_RDONLY));
  show_events(fd, "both are told");
  NEED(rename(scratch("watched/f"), scratch("watched/g")) == 0);
  show_events(fd, "rename");
  NEED(link(scratch("watched/g"), scratch("watched/h")) == 0);
  show_events(fd, "link");
  NEED(unlink(scratch("watched/h")) == 0);
  show_events(fd, "unlink one name");
  NEED(unlink(scratch("watched/g")) == 0);
  show_events(fd, "unlink the last");
  NEED(mkdir(scratch("watched/d"), 0700) == 0);
  show_events(fd, "mkdir");
  VALUE(inotify_add_watch(fd, scratch("watched/d"), IN_ALL_EVENTS));
  NEED(chmod(scratch("watched/d"), 0755) == 0);
  show_events(fd, "chmod of a directory");
  NEED(rename(scratch("watched/d"), scratch("watched/e")) == 0);
  show_events(fd, "rename of a directory");
  NEED(rmdir(scratch("watched/e")) == 0);
  show_events(fd, "rmdir");
  NEED(rmdir(scratch("watched")) == 0);
  close(fd);
}

TEST(inotify_watches) {
  int fd = inotify_init();
  NEED(fd >= 0);
  VALUE(inotify_add_watch(fd, scratch("none"), IN_ALL_EVENTS));
  VALUE(inotify_add_watch(fd, scratch_directory(), 0));
  VALUE(inotify_add_watch(-1, scratch_directory(), IN_ALL_EVENTS));
  VALUE(inotify_add_watch(0x7fff, scratch_directory(), 0));
  int other = open("/dev/null", O_RDONLY);
  VALUE(inotify_add_watch(other, scratch_directory(), IN_ALL_EVENTS));
  VALUE(inotify_rm_watch(other, 1));
  close(other);
  VALUE(inotify_add_watch(fd, scratch_directory(), IN_ALL_EVENTS | IN_MASK_ADD | IN_MASK_CREATE));
  NEED(mknod(scratch("f"), S_IFREG | 0600, 0) == 0);
  VALUE(inotify_add_watch(fd, scratch("f"), IN_ALL_EVENTS | IN_ONLYDIR));
  VALUE(inotify_add_watch(fd, scratch_directory(), IN_CREATE));
  VALUE(inotify_add_watch(fd, scratch_directory(), IN_CREATE | IN_MASK_CREATE));
  VALUE(inotify_add_watch(fd, scratch_directory(), IN_DELETE | IN_MASK_ADD));
  VALUE(inotify_add_watch(fd, scratch("f"), IN_ATTRIB | IN_ONESHOT));
  int waiting = -1;
  VALUE(ioctl(fd, FIONREAD, &waiting));
  say("%d bytes wait", waiting);
  struct pollfd item = {fd, POLLIN, 0};
  VALUE(poll(&item, 1, 0));
  NEED(mknod(scratch("g"), S_IFREG | 0600, 0) == 0);
  VALUE(poll(&item, 1, 0));
  VALUE(ioctl(fd, FIONREAD, &waiting));
  say("%d bytes wait", waiting);
  VALUE(read(fd, (char[20]){0}, 20));
  show_events(fd, "mknod");
  NEED(chmod(scratch("f"), 0644) == 0 && chmod(scratch("f"), 0600) == 0);
  show_events(fd, "chmod twice, watched once");
  NEED(unlink(scratch("g")) == 0 && unlink(scratch("f")) == 0);
  show_events(fd, "unlink");
  VALUE(inotify_rm_watch(fd, 1));
  show_events(fd, "rm_watch");
  VALUE(inotify_rm_watch(fd, 1));
  VALUE(inotify_init1(1));
  char link[64], target[64] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  NEED(readlink(link, target, sizeof target - 1) > 0);
  say("it is called %s", target);
  close(fd);
}

TEST(inotify_same_events_are_one) {
  int fd = new_directory("watched");
  int file = open(scratch("watched/f"), O_RDWR | O_CREAT, 0600);
  show_events(fd, "create");
  for (int i = 0; i < 1000; ++i) NEED(write(file, "x", 1) == 1);
  show_events(fd, "a thousand writes");
  close(file);
  NEED(unlink(scratch("watched/f")) == 0);
  show_events(fd, "the end");
  NEED(rmdir(scratch("watched")) == 0);
  close(fd);
}

TEST(inotify_queue_overflows) {
  int fd = new_directory("watched");
  // Pairs that differ, so that none is merged: more than max_queued_events, which may be set otherwise.
  int most = 16384;
  FILE* setting = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
  if (setting) {
    NEED(fscanf(setting, "%d", &most) == 1);
    fclose(setting);
  }
  NEED(mknod(scratch("watched/f"), S_IFREG | 0600, 0) == 0);
  for (int i = 0; i < most / 2 + 10; ++i) {
    NEED(chmod(scratch("watched/f"), 0644) == 0);
    NEED(truncate(scratch("watched/f"), i) == 0);
  }
  int count = 0, overflows = 0, after = 0;
  char buffer[4096] __attribute__((aligned(8)));
  for (ssize_t size; (size = read(fd, buffer, sizeof buffer)) > 0;)
    for (ssize_t at = 0; at < size;) {
      const struct inotify_event* event = (const struct inotify_event*)(buffer + at);
      after += overflows;
      count += (event->mask & IN_Q_OVERFLOW) == 0;
      overflows += (event->mask & IN_Q_OVERFLOW) != 0 && event->wd == -1;
      at += sizeof *event + event->len;
    }
  TRUTH(count == most);
  say("%d overflow, %d events after it", overflows, after);
  NEED(chmod(scratch("watched/f"), 0600) == 0);
  show_events(fd, "once it is read");
  NEED(unlink(scratch("watched/f")) == 0 && rmdir(scratch("watched")) == 0);
  close(fd);
}

static void* make_later(void* name) {
  sleep_ms(50);
  NEED(mkdir(name, 0700) == 0);
  return NULL;
}

TEST(inotify_read_waits) {
  int fd = inotify_init1(0);
  NEED(inotify_add_watch(fd, scratch_directory(), IN_CREATE) == 1);
  char name[256];
  snprintf(name, sizeof name, "%s", scratch("later"));
  unsigned long thread = start_thread(make_later, name);
  show_events(fd, "another thread made it");
  join_thread(thread);
  NEED(rmdir(name) == 0);
  close(fd);
}
