// SPDX-License-Identifier: Apache-2.0
//
// Namespaces, the network's tables, page maps and caches in /proc and /sys, as monitoring reads them.

#include "procfs_text.h"
#include "suite.h"

#include <dirent.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static int is_namespace(const char* name, const char* kind) {
  char path[64], link[64] = {0};
  snprintf(path, sizeof path, "/proc/self/ns/%s", name);
  unsigned long number = 0;
  char rest = 0;
  const size_t length = strlen(kind);
  if (readlink(path, link, sizeof link - 1) < 0 || strncmp(link, kind, length) != 0) return 0;
  return sscanf(link + length, ":[%lu%c", &number, &rest) == 2 && rest == ']' && number > 0xe0000000;
}

TEST(proc_self_ns) {
  static const char* const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) say("%s %d", names[i], is_namespace(names[i], names[i]));
  say("children's %d %d", is_namespace("pid_for_children", "pid"), is_namespace("time_for_children", "time"));
  char link[64] = {0};
  NEED(readlink("/proc/net", link, sizeof link - 1) > 0);
  say("/proc/net: %s", link);
  char path[96];
  snprintf(path, sizeof path, "/proc/self/task/%d/ns/net", (int)syscall(SYS_gettid));
  TRUTH(readlink(path, link, sizeof link - 1) > 0);
  snprintf(path, sizeof path, "/proc/self/task/%d/net/dev", (int)syscall(SYS_gettid));
  TRUTH(access(path, R_OK) == 0);
}

static int line_count(const char* text) {
  int lines = 0;
  for (; text && *text; ++text) lines += *text == '\n';
  return lines;
}

// The first line of tables, or the first word of those without headings; and that each line has the same shape.
TEST(proc_net_tables) {
  static const char* const tables[] = {"arp", "dev", "tcp", "tcp6", "udp", "udp6", "unix", "route"};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; ++i) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/net/%s", tables[i]);
    const char* text = slurp(path);
    char head[24] = {0};
    if (text) sscanf(text, "%23[^\n]", head);
    say("%s: %s", tables[i], head);
  }
  const char* text = slurp("/proc/net/ipv6_route");
  int malformed = text == NULL, ours = 0;
  for (const char* at = text; at && *at; at += strcspn(at, "\n") + 1) {
    char to[33], from[33], hop[33], device[17];
    unsigned prefix, from_prefix, metric, references, used, flags;
    malformed += sscanf(at, "%32s %x %32s %x %32s %x %x %x %x %16s", to, &prefix, from, &from_prefix, hop, &metric, &references,
                        &used, &flags, device) != 10;
    ours += strcmp(to, "00000000000000000000000000000001") == 0 && prefix == 128 && (flags & 0x80000001) == 0x80000001 &&
            strcmp(device, "lo") == 0;
  }
  say("ipv6_route: malformed %d, ::1 by lo %d", malformed, ours);
  text = slurp("/proc/net/arp");
  malformed = 0;
  for (const char* at = text ? strchr(text, '\n') + 1 : NULL; at && *at; at += strcspn(at, "\n") + 1) {
    char address[16], kind[8], flags[8], hardware[18], mask[8], device[17];
    malformed += sscanf(at, "%15s %7s %7s %17s %7s %16s", address, kind, flags, hardware, mask, device) != 6;
  }
  say("arp: malformed %d", malformed);
  text = slurp("/proc/net/snmp6");
  TRUTH(field(text, "Ip6InReceives") >= 0 && field(text, "Icmp6InMsgs") >= 0);
  text = slurp("/proc/net/sockstat6");
  TRUTH(text != NULL && strncmp(text, "TCP6: inuse ", 12) == 0 && line_count(text) == 5);
  VALUE(field(slurp("/proc/sys/net/ipv6/conf/lo/disable_ipv6"), ""));
  VALUE(field(slurp("/proc/sys/net/ipv6/conf/all/disable_ipv6"), ""));
  VALUE(field(slurp("/proc/sys/net/ipv6/bindv6only"), ""));
  VALUE(access("/proc/sys/net/ipv6/conf/none", F_OK));
}

// Which pages are there, and which not.
TEST(proc_self_pagemap) {
  enum { kPages = 4 };
  char* p = mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(p, kPages * 4096, MADV_NOHUGEPAGE);
  p[0] = p[2 * 4096] = 1;
  const int fd = open("/proc/self/pagemap", O_RDONLY);
  NEED(fd >= 0);
  uint64_t words[kPages + 1] = {0};
  const off_t at = (off_t)((uintptr_t)p / 4096 * 8);
  VALUE(pread(fd, words, kPages * 8, at));
  say("present: %d%d%d%d", (int)(words[0] >> 63), (int)(words[1] >> 63), (int)(words[2] >> 63), (int)(words[3] >> 63));
  say("of a file %d, swapped %d, own %d", (int)(words[0] >> 61 & 1), (int)(words[0] >> 62 & 1), (int)(words[0] >> 56 & 1));
  OUTCOME(lseek(fd, at, SEEK_SET));
  VALUE(read(fd, words, 16));
  VALUE(read(fd, words, 16));
  say("present: %d%d", (int)(words[0] >> 63), (int)(words[1] >> 63));
  VALUE(pread(fd, words, 12, at));
  VALUE(pread(fd, words, 8, at + 4));
  // The program's own text is a file's.
  VALUE(pread(fd, words, 8, (off_t)((uintptr_t)slurp / 4096 * 8)));
  say("text: present %d, of a file %d", (int)(words[0] >> 63), (int)(words[0] >> 61 & 1));
  // Beyond the application's part of the address space there is nothing to read.
  VALUE(pread(fd, words, 8, (off_t)(0x800000000000ull / 4096 * 8)));
  close(fd);
  munmap(p, kPages * 4096);
}

TEST(proc_self_schedstat) {
  unsigned long ran = 0, waited = 0, slices = 0, later = 0;
  const char* text = slurp("/proc/self/schedstat");
  NEED(text != NULL && sscanf(text, "%lu %lu %lu", &ran, &waited, &slices) == 3);
  TRUTH(ran > 0 && slices > 0);
  for (const int64_t start = now_ns(CLOCK_MONOTONIC); now_ns(CLOCK_MONOTONIC) < start + 20000000;) {
  }
  sleep_ms(1);
  text = slurp("/proc/thread-self/schedstat");
  NEED(text != NULL && sscanf(text, "%lu %lu %lu", &later, &waited, &slices) == 3);
  TRUTH(later > 0);
}

// glibc and the JVM ask the processor; monitoring asks here. What is there must fit together.
TEST(cpu_caches) {
  DIR* directory = opendir("/sys/devices/system/cpu/cpu0/cache");
  if (directory == NULL) {
    say("the processor does not say");  // some hypervisors hide it
    return;
  }
  int caches = 0, wrong = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (strncmp(entry->d_name, "index", 5) != 0) continue;
    ++caches;
    static const char* const names[] = {"level", "size", "coherency_line_size", "ways_of_associativity", "number_of_sets",
                                        "physical_line_partition"};
    long value[6];
    for (int i = 0; i < 6; ++i) {
      char path[512];
      snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/%s/%s", entry->d_name, names[i]);
      value[i] = field(slurp(path), "");
    }
    wrong += value[0] < 1 || value[0] > 4 || value[2] < 16;
    wrong += value[1] * 1024 != value[2] * value[3] * value[4] * value[5];
  }
  closedir(directory);
  say("caches %s, wrong %d", caches > 0 ? "there" : "none", wrong);
}
