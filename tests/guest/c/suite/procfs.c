// SPDX-License-Identifier: Apache-2.0
//
// /proc and /sys as the JVM and glibc read them: the formats, and what must agree with other calls.

#include "suite.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

// The file's text, or NULL; valid until the next call.
static const char* slurp(const char* path) {
  static char text[1 << 18];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  size_t size = 0;
  for (ssize_t n; size < sizeof text - 1 && (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += n;
  close(fd);
  text[size] = '\0';
  return text;
}

static long field(const char* text, const char* key) {
  const char* at = text ? strstr(text, key) : NULL;
  return at ? atol(at + strlen(key)) : -1;
}

TEST(proc_self_exe_and_links) {
  char path[512] = {0};
  NEED(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  TRUTH(path[0] == '/' && access(path, X_OK) == 0);
  char pid[32] = {0};
  NEED(readlink("/proc/self", pid, sizeof pid - 1) > 0);
  TRUTH(atoi(pid) == getpid());
  char cwd[512], link[512] = {0};
  NEED(getcwd(cwd, sizeof cwd) != NULL && readlink("/proc/self/cwd", link, sizeof link - 1) > 0);
  TRUTH(strcmp(cwd, link) == 0);
  struct stat a, b;
  NEED(stat("/proc/self/exe", &a) == 0 && stat(path, &b) == 0);
  TRUTH(a.st_ino == b.st_ino && a.st_size == b.st_size);
  VALUE(readlink("/proc/self/fd/999", link, sizeof link));
  VALUE(access("/proc/2000000", F_OK));
  VALUE(open("/proc/self/none", O_RDONLY));
  VALUE(mkdir("/proc/new", 0755));
}

TEST(proc_self_maps) {
  char* p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(mprotect(p + 4096, 4096, PROT_NONE) == 0);
  const char* text = slurp("/proc/self/maps");
  NEED(text != NULL);
  unsigned long begin, end, offset, inode, last = 0, stack = (unsigned long)&text;
  char protection[8], device[16], name[300];
  int disorder = 0, lines = 0, found_stack = 0, found_text = 0, found_vdso = 0, ours = 0, malformed = 0;
  while (*text) {
    name[0] = 0;
    char line[512];
    size_t length = strcspn(text, "\n");
    snprintf(line, sizeof line, "%.*s", (int)length, text);
    text += length + (text[length] == '\n');
    if (sscanf(line, "%lx-%lx %4s %lx %15s %lu %299s", &begin, &end, protection, &offset, device, &inode, name) < 6) {
      malformed++;
      continue;
    }
    lines++;
    disorder += begin < last || end <= begin;
    last = end;
    if (begin <= stack && stack < end) found_stack = strcmp(name, "[stack]") == 0 && strcmp(protection, "rw-p") == 0;
    if (begin <= (unsigned long)slurp && (unsigned long)slurp < end) found_text = strcmp(protection, "r-xp") == 0 && inode != 0 && name[0] == '/';
    found_vdso |= strcmp(name, "[vdso]") == 0;
    if (begin == (unsigned long)p + 4096) ours = end == begin + 4096 && strcmp(protection, "---p") == 0;
  }
  say("disorder %d, malformed %d, stack %d, text %d, vdso %d, ours %d, several lines %d", disorder, malformed,
      found_stack, found_text, found_vdso, ours, lines > 5);
  munmap(p, 3 * 4096);
}

TEST(proc_self_stat_and_status) {
  const char* text = slurp("/proc/self/stat");
  NEED(text != NULL);
  int pid = 0, fields = 0;
  char state = 0;
  const char* close_name = strrchr(text, ')');
  NEED(close_name != NULL && sscanf(text, "%d (", &pid) == 1 && sscanf(close_name, ") %c", &state) == 1);
  for (const char* at = close_name; *at; ++at) fields += *at == ' ';
  say("pid %d, state %c, fields after the name %d", pid == getpid(), state, fields);
  text = slurp("/proc/self/status");
  NEED(text != NULL);
  TRUTH(field(text, "\nPid:") == getpid());
  TRUTH(field(text, "\nThreads:") >= 1);
  TRUTH(field(text, "\nVmRSS:") > 50 && field(text, "\nVmSize:") >= field(text, "\nVmRSS:"));
  TRUTH(strncmp(text, "Name:\t", 6) == 0);
  text = slurp("/proc/self/statm");
  long size = 0, resident = 0;
  NEED(text != NULL && sscanf(text, "%ld %ld", &size, &resident) == 2);
  TRUTH(size >= resident && resident > 10);
  text = slurp("/proc/self/cmdline");
  NEED(text != NULL);
  TRUTH(strstr(text, "guest_suite") != NULL);
  text = slurp("/proc/self/limits");
  TRUTH(text != NULL && strstr(text, "Max open files") != NULL);
}

static volatile int go_on;
static void* wait_here(void* id) {
  *(volatile int*)id = (int)syscall(SYS_gettid);
  while (!go_on) sleep_ms(1);
  return NULL;
}
TEST(proc_self_task_lists_threads) {
  volatile int id = 0;
  go_on = 0;
  unsigned long thread = start_thread(wait_here, (void*)&id);
  while (id == 0) sleep_ms(1);
  int tasks = 0, found = 0;
  DIR* directory = opendir("/proc/self/task");
  NEED(directory != NULL);
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    tasks++;
    found += atoi(entry->d_name) == id;
  }
  closedir(directory);
  say("tasks %d, found %d", tasks, found);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
  const char* text = slurp(path);
  TRUTH(text != NULL && atoi(text) == id);
  go_on = 1;
  join_thread(thread);
}

TEST(proc_self_fd_lists_descriptors) {
  int fd = open("/dev/null", O_RDONLY);
  char name[16], link[64] = {0};
  snprintf(name, sizeof name, "%d", fd);
  int found = 0;
  DIR* directory = opendir("/proc/self/fd");
  NEED(directory != NULL);
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) found += strcmp(entry->d_name, name) == 0;
  closedir(directory);
  VALUE(found);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  NEED(readlink(path, link, sizeof link - 1) > 0);
  say("%s", link);
  int ends[2];
  NEED(pipe(ends) == 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  memset(link, 0, sizeof link);
  NEED(readlink(path, link, sizeof link - 1) > 0);
  TRUTH(strncmp(link, "pipe:[", 6) == 0);
  close(ends[0]);
  close(ends[1]);
  close(fd);
}

TEST(proc_of_the_machine) {
  const char* text = slurp("/proc/meminfo");
  TRUTH(field(text, "MemTotal:") > 8192);
  TRUTH(field(text, "MemFree:") > 0 && field(text, "MemAvailable:") > 0);
  TRUTH(field(text, "Cached:") >= 0 && field(text, "SwapTotal:") >= 0);
  text = slurp("/proc/cpuinfo");
  NEED(text != NULL);
  int processors = 0;
  for (const char* at = text; (at = strstr(at, "processor\t:")) != NULL; ++at) processors++;
  TRUTH(processors == sysconf(_SC_NPROCESSORS_ONLN));
  TRUTH(strstr(text, "flags\t\t:") != NULL && strstr(text, "model name\t:") != NULL && strstr(text, " sse2 ") != NULL);
  text = slurp("/proc/stat");
  TRUTH(text != NULL && strncmp(text, "cpu  ", 5) == 0);
  TRUTH(field(text, "\nbtime ") > 1500000000);
  text = slurp("/proc/uptime");
  TRUTH(text != NULL && atof(text) > 0);
  text = slurp("/proc/loadavg");
  TRUTH(text != NULL && strchr(text, '/') != NULL);
  text = slurp("/proc/version");
  TRUTH(text != NULL && strncmp(text, "Linux version ", 14) == 0);
  TRUTH(slurp("/proc/mounts") != NULL && slurp("/proc/self/mountinfo") != NULL);
  text = slurp("/proc/filesystems");
  TRUTH(text != NULL && strstr(text, "proc") != NULL);
  const char* const numbers[] = {"/proc/sys/vm/max_map_count", "/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max",
                                 "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/mmap_min_addr"};
  for (int i = 0; i < 5; ++i) {
    text = slurp(numbers[i]);
    say("%s: number %d", numbers[i], text != NULL && isdigit((unsigned char)text[0]) && strchr(text, '\n') != NULL);
  }
}

// Whoever is told how many mappings there may be gets as many, but for those that the process has, and no more.
TEST(proc_max_map_count) {
  const long most = atol(slurp("/proc/sys/vm/max_map_count"));
  const size_t page = 4096, pages = 2 * (most < 1 << 20 ? most : 1 << 20);
  char* area = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  NEED(area != MAP_FAILED);
  // Each gives a page of its own to a mapping, which leaves one in front of it.
  size_t at = 1;
  while (at < pages && mprotect(area + at * page, page, PROT_READ) == 0) at += 2;
  VALUE(mprotect(area + at * page, page, PROT_READ));
  TRUTH((long)at <= most && (long)at > most - 1000);
  VALUE(munmap(area, pages * page));
}

TEST(sys_of_the_machine) {
  const char* text = slurp("/sys/devices/system/cpu/online");
  TRUTH(text != NULL && text[0] == '0');
  text = slurp("/sys/devices/system/cpu/possible");
  TRUTH(text != NULL && text[0] == '0');
  text = slurp("/sys/kernel/mm/transparent_hugepage/enabled");
  TRUTH(text != NULL && strchr(text, '[') != NULL);
  text = slurp("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
  TRUTH(text != NULL && atol(text) == 2 << 20);
  TRUTH(slurp("/proc/self/cgroup") != NULL);
}

TEST(proc_files_read_in_pieces) {
  char whole[4096] = {0}, pieces[4096] = {0};
  int fd = open("/proc/version", O_RDONLY);
  ssize_t length = read(fd, whole, sizeof whole);
  NEED(length > 10);
  VALUE(lseek(fd, 0, SEEK_SET));
  size_t at = 0;
  for (ssize_t n; (n = read(fd, pieces + at, 3)) > 0;) at += n;
  TRUTH((ssize_t)at == length && strcmp(whole, pieces) == 0);
  VALUE(read(fd, pieces, 3));
  char byte = 0;
  TRUTH(pread(fd, &byte, 1, 6) == 1 && byte == whole[6]);
  close(fd);
  struct stat status;
  NEED(stat("/proc/version", &status) == 0);
  say("size %ld, mode %o", (long)status.st_size, status.st_mode);
}
