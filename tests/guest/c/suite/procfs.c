// SPDX-License-Identifier: Apache-2.0
//
// /proc and /sys as the JVM and glibc read them: the formats, and what must agree with other calls.

#include "procfs_text.h"
#include "suite.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

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

// Where a thread is, as others see it.
struct waiter {
  int tid, pipe[2];
};
static void* wait_in_read(void* argument) {
  struct waiter* waiter = argument;
  __atomic_store_n(&waiter->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
  char byte;
  return (void*)read(waiter->pipe[0], &byte, 1);
}

TEST(proc_system_calls_of_threads) {
  struct waiter waiter = {0};
  NEED(pipe(waiter.pipe) == 0);
  const unsigned long thread = start_thread(wait_in_read, &waiter);
  while (__atomic_load_n(&waiter.tid, __ATOMIC_ACQUIRE) == 0) sleep_ms(1);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/syscall", waiter.tid);
  const char* text = NULL;
  unsigned long number = ~0ul, descriptor = 0, address = 0, size = 0;
  // Not there yet: "running", or the call before.
  for (int i = 0; i < 2000 && !(number == SYS_read && size == 1); ++i) {
    sleep_ms(5);
    text = slurp(path);
    NEED(text != NULL);
    number = ~0ul;
    sscanf(text, "%lu %lx %lx %lx", &number, &descriptor, &address, &size);
  }
  say("read: %d, of one byte: %d, from the pipe: %d", number == SYS_read, size == 1, (int)descriptor == waiter.pipe[0]);
  int fields = 0;
  for (const char* at = text; at != NULL && *at != 0; ++at) fields += *at == ' ';
  say("%d blanks", fields);
  snprintf(path, sizeof path, "/proc/self/task/%d/wchan", waiter.tid);
  text = slurp(path);
  TRUTH(text != NULL && *text != 0);
  VALUE(write(waiter.pipe[1], "x", 1));
  VALUE((long)join_thread(thread));
  close(waiter.pipe[0]);
  close(waiter.pipe[1]);
  text = slurp("/proc/thread-self/syscall");
  NEED(text != NULL);
  say("our own: %d", atoi(text) == SYS_read);
}

TEST(proc_files_are_made_when_read) {
  char path[64], old[20] = {0}, name[20] = {0};
  NEED(prctl(PR_GET_NAME, old) == 0);
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
  const int fd = open(path, O_RDONLY);
  NEED(fd >= 0);
  prctl(PR_SET_NAME, "after-open");
  VALUE(read(fd, name, 3));
  say("%.3s", name);
  prctl(PR_SET_NAME, "before-the-end");
  VALUE(read(fd, name, 4));  // goes on
  say("%.4s", name);
  memset(name, 0, sizeof name);
  VALUE(pread(fd, name, 19, 0));
  say("%s", name);
  prctl(PR_SET_NAME, "sought");
  VALUE(lseek(fd, 0, SEEK_SET));
  memset(name, 0, sizeof name);
  VALUE(read(fd, name, 19));
  say("%s", name);
  VALUE(read(fd, name, 19));
  memset(name, 0, sizeof name);
  VALUE(pread(fd, name, 19, 2));
  say("%s", name);
  close(fd);
  prctl(PR_SET_NAME, old);
}

TEST(proc_file_of_a_thread_that_has_ended) {
  struct waiter waiter = {0};
  NEED(pipe(waiter.pipe) == 0);
  const unsigned long thread = start_thread(wait_in_read, &waiter);
  while (__atomic_load_n(&waiter.tid, __ATOMIC_ACQUIRE) == 0) sleep_ms(1);
  char path[64], text[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", waiter.tid);
  const int fd = open(path, O_RDONLY);
  NEED(fd >= 0);
  VALUE(write(waiter.pipe[1], "x", 1));
  VALUE((long)join_thread(thread));
  for (int i = 0; i < 2000 && access(path, F_OK) == 0; ++i) sleep_ms(5);
  VALUE(read(fd, text, sizeof text));
  close(fd);
  close(waiter.pipe[0]);
  close(waiter.pipe[1]);
}

// --- Statistics of the machine ---------------------------------------------------------------------

// Whether each of the names, separated by blanks, is the first word of a line with a number behind it.
static int has_counters(const char* text, const char* names) {
  char name[64];
  for (int used; sscanf(names, "%63s%n", name, &used) == 1; names += used) {
    int found = 0;
    for (const char* line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
      while (*line == ' ') ++line;
      size_t size = strlen(name);
      found |= strncmp(line, name, size) == 0 && line[size] == ' ' && isdigit((unsigned char)line[size + strspn(line + size, " ")]);
    }
    if (!found) return say("no %s", name), 0;
  }
  return 1;
}

TEST(proc_vmstat_and_zoneinfo) {
  const char* text = slurp("/proc/vmstat");
  NEED(text != NULL);
  TRUTH(has_counters(text, "nr_free_pages nr_anon_pages nr_mapped nr_file_pages nr_shmem nr_dirty nr_writeback "
                           "nr_slab_unreclaimable nr_page_table_pages nr_kernel_stack pgpgin pgpgout pswpin pswpout "
                           "pgfault pgmajfault"));
  const long before = field(text, "\npgfault ");
  char* p = mmap(NULL, 50 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(p != MAP_FAILED && madvise(p, 50 * 4096, MADV_NOHUGEPAGE) == 0);
  for (int i = 0; i < 50; ++i) p[i * 4096] = 1;
  const long after = field(slurp("/proc/vmstat"), "\npgfault ");
  TRUTH(before > 0 && after >= before + 50);
  munmap(p, 50 * 4096);
  text = slurp("/proc/zoneinfo");
  NEED(text != NULL);
  TRUTH(strncmp(text, "Node 0, zone ", 13) == 0);
  TRUTH(strstr(text, "\n  per-node stats\n") && strstr(text, "\n  pages free ") && strstr(text, "\n  start_pfn:"));
  TRUTH(has_counters(text, "boost min low high spanned present managed nr_free_pages"));
}

TEST(proc_interrupts) {
  const char* text = slurp("/proc/interrupts");
  NEED(text != NULL);
  int cpus = 0;
  for (const char* at = strstr(text, "CPU"); at && at < strchr(text, '\n'); at = strstr(at + 3, "CPU")) ++cpus;
  TRUTH(cpus == sysconf(_SC_NPROCESSORS_ONLN));
  const char* timer = strstr(text, "LOC:");
  TRUTH(timer != NULL && strstr(timer, "Local timer interrupts") != NULL);
  const long before = field(text, "LOC:");
  for (int i = 0; i < 20; ++i) sleep_ms(2);
  TRUTH(before >= 0 && field(slurp("/proc/interrupts"), "LOC:") >= before);
  TRUTH(strstr(text, "RES:") && strstr(text, "CAL:"));
  TRUTH(field(slurp("/proc/stat"), "\nintr ") > 0);
}

TEST(disks) {
  const char* text = slurp("/proc/partitions");
  NEED(text != NULL);
  TRUTH(strncmp(text, "major minor  #blocks  name\n\n", 28) == 0);
  // Every whole disk of /sys/block is in diskstats, with the same numbers.
  DIR* directory = opendir("/sys/block");
  NEED(directory != NULL);
  int disks = 0, wrong = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    const int is_memory = strncmp(entry->d_name, "pmem", 4) == 0;
    if (entry->d_name[1] != 'd' && !is_memory) continue;  // vda, sda, pmem0: no loops
    char path[512], line[256], name[64] = "";
    unsigned major = 0, minor = 0, has_major = 1, has_minor = 1;
    unsigned long n[17];
    ++disks;
    snprintf(path, sizeof path, "/sys/block/%.200s/dev", entry->d_name);
    const char* device = slurp(path);
    wrong += device == NULL || sscanf(device, "%u:%u", &has_major, &has_minor) != 2;
    const char* at = slurp("/proc/diskstats");
    NEED(at != NULL);
    snprintf(line, sizeof line, " %.200s ", entry->d_name);
    for (const char* next; *at && (next = strchr(at, '\n')) != NULL; at = next + 1) {
      char* found = strstr(at, line);
      if (found == NULL || found > next) continue;
      wrong += sscanf(at, "%u %u %63s %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu", &major, &minor, name,
                      n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10, n + 11, n + 12, n + 13, n + 14,
                      n + 15, n + 16) != 20;
    }
    wrong += major != has_major || minor != has_minor || strcmp(name, entry->d_name) != 0;
    wrong += !is_memory && (n[0] == 0 || n[2] == 0);  // something was read of it; memory is mapped instead
    for (const char* file = "size\0ro\0removable\0stat\0queue/logical_block_size\0queue/rotational\0"; *file; file += strlen(file) + 1) {
      snprintf(path, sizeof path, "/sys/block/%.200s/%s", entry->d_name, file);
      const char* value = slurp(path);
      if (value == NULL || !isdigit((unsigned char)value[strspn(value, " ")])) ++wrong, say("%s", file);
    }
  }
  closedir(directory);
  TRUTH(disks > 0);
  VALUE(wrong);
  VALUE(open("/sys/block/none/size", O_RDONLY));
}

TEST(proc_self_io) {
  const char* text = slurp("/proc/self/io");
  NEED(text != NULL);
  TRUTH(strncmp(text, "rchar: ", 7) == 0);
  for (const char* name = "wchar: \0syscr: \0syscw: \0read_bytes: \0write_bytes: \0cancelled_write_bytes: \0"; *name;
       name += strlen(name) + 1)
    TRUTH(field(text, name) >= 0);
  char path[64], block[1000] = {0};
  snprintf(path, sizeof path, "/proc/self/task/%d/io", (int)syscall(SYS_gettid));
  int in = open("/dev/zero", O_RDONLY), out = open("/dev/null", O_WRONLY);
  // The file's own text is read by two calls, which come between.
  const char* before = slurp(path);
  NEED(before != NULL);
  const long reads = field(before, "syscr: "), writes = field(before, "syscw: ");
  const long read_bytes = field(before, "rchar: "), written = field(before, "wchar: ");
  const long own = (long)strlen(before);
  for (int i = 0; i < 10; ++i) NEED(read(in, block, sizeof block) == 1000 && write(out, block, 500) == 500);
  VALUE(read(-1, block, 1));
  VALUE(pwrite(out, block, 7, 0));
  const char* after = slurp(path);
  VALUE(field(after, "syscr: ") - reads);
  VALUE(field(after, "syscw: ") - writes);
  TRUTH(field(after, "rchar: ") - read_bytes == 10000 + own);
  VALUE(field(after, "wchar: ") - written);
  close(in);
  close(out);
}

TEST(proc_self_sched) {
  const char* text = slurp("/proc/self/sched");
  NEED(text != NULL);
  char name[64] = "";
  int pid = 0, threads = 0;
  VALUE(sscanf(text, "%63s (%d, #threads: %d)", name, &pid, &threads));
  TRUTH(pid == getpid() && threads >= 1);
  TRUTH(strstr(text, ")\n---------------") != NULL);
  for (const char* key = "se.sum_exec_runtime \0nr_switches \0nr_voluntary_switches \0nr_involuntary_switches \0policy \0prio \0"; *key;
       key += strlen(key) + 1) {
    const char* at = strstr(text, key);
    NEED(at != NULL);
    at += strcspn(at, ":\n");
    double value = -1;
    TRUTH(sscanf(at, ": %lf", &value) == 1 && value >= 0);
  }
}

TEST(proc_self_numa_maps) {
  char* p = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(p != MAP_FAILED && madvise(p, 8 * 4096, MADV_NOHUGEPAGE) == 0);
  NEED(mprotect(p + 4 * 4096, 4 * 4096, PROT_READ) == 0);  // nothing joins it at that end
  p[0] = p[2 * 4096] = 1;
  const char* text = slurp("/proc/self/numa_maps");
  NEED(text != NULL);
  char start[32];
  snprintf(start, sizeof start, "%lx default", (unsigned long)p);
  const char* line = strstr(text, start);
  TRUTH(strstr(text, " stack ") != NULL && strstr(text, " file=/") != NULL);
  if (line != NULL) {  // else the kernel has joined it with a neighbour
    TRUTH(field(line, " anon=") == 2 && field(line, " dirty=") == 2 && field(line, " N0=") == 2);
    TRUTH(field(line, " kernelpagesize_kB=") == 4);
  }
  munmap(p, 8 * 4096);
}

TEST(machine_id) {
  const char* text = slurp("/etc/machine-id");
  NEED(text != NULL);
  VALUE(strlen(text));
  TRUTH(strspn(text, "0123456789abcdef") == 32 && text[32] == '\n');
  struct stat status;
  VALUE(stat("/etc/machine-id", &status));
  say("mode %o", status.st_mode);
}
