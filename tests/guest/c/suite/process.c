// SPDX-License-Identifier: Apache-2.0
//
// What a process asks about itself and its machine: prctl, limits, affinity, scheduling, names,
// NUMA policy, rseq, the auxiliary vector and what is not there.

#include "suite.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>

TEST(prctl_names) {
  char name[20] = {0}, old[20] = {0};
  NEED(prctl(PR_GET_NAME, old) == 0);
  VALUE(prctl(PR_SET_NAME, "C2 CompilerThread0-too-long"));
  VALUE(prctl(PR_GET_NAME, name));
  say("'%s'", name);
  char path[64], comm[20] = {0};
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
  int fd = open(path, O_RDONLY);
  VALUE(read(fd, comm, 19));
  comm[strcspn(comm, "\n")] = 0;
  say("'%s'", comm);
  close(fd);
  prctl(PR_SET_NAME, old);
  VALUE(prctl(PR_SET_NAME, (void*)8));
  VALUE(prctl(PR_GET_DUMPABLE));
  VALUE(prctl(9999, 0, 0, 0, 0));
  VALUE(prctl(PR_SET_PDEATHSIG, 0));
}

TEST(arch_prctl_calls) {
  unsigned long base = 0;
  VALUE(syscall(SYS_arch_prctl, 0x1003, &base));  // ARCH_GET_FS
  TRUTH(base == (unsigned long)pthread_self());
  VALUE(syscall(SYS_arch_prctl, 0x9999, 0));
  VALUE(syscall(SYS_arch_prctl, 0x1002, 0xffff800000000000));  // ARCH_SET_FS: no kernel address
}

TEST(limits) {
  struct rlimit limit;
  VALUE(getrlimit(RLIMIT_AS, &limit));
  say("infinite %d", limit.rlim_cur == RLIM_INFINITY);
  VALUE(getrlimit(RLIMIT_NOFILE, &limit));
  TRUTH(limit.rlim_cur >= 256 && limit.rlim_max >= limit.rlim_cur);
  struct rlimit lower = {200, limit.rlim_max};
  VALUE(setrlimit(RLIMIT_NOFILE, &lower));
  int fd = open("/dev/null", O_RDONLY);
  VALUE(fcntl(fd, F_DUPFD, 200));
  VALUE(dup2(fd, 200));
  VALUE(fcntl(fd, F_DUPFD, 199));
  VALUE(dup(fd) < 0 ? -1 : 0);
  for (int i = 0; i < 200; ++i) {
    if (i > 2) close(i);
  }
  VALUE(setrlimit(RLIMIT_NOFILE, &limit));
  VALUE(getrlimit(RLIMIT_STACK, &limit));
  TRUTH(limit.rlim_cur >= 1 << 20);
  VALUE(getrlimit(99, &limit));
  lower = (struct rlimit){10, 5};
  VALUE(setrlimit(RLIMIT_CORE, &lower));
  VALUE(prlimit(0, RLIMIT_NPROC, NULL, &limit));
  VALUE(prlimit(0, RLIMIT_NOFILE, NULL, (void*)8));
  VALUE(prlimit(2000000, RLIMIT_NOFILE, NULL, &limit));
}

TEST(running_out_of_descriptors) {
  struct rlimit limit, small;
  NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  small = limit;
  small.rlim_cur = 64;
  NEED(setrlimit(RLIMIT_NOFILE, &small) == 0);
  int last = 0;
  for (int fd; (fd = open("/dev/null", O_RDONLY)) >= 0;) last = fd;
  say("%s after %d", check_errno_name(errno), last);
  int ends[2];
  VALUE(pipe(ends));
  for (int fd = 3; fd <= last; ++fd) close(fd);
  NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

TEST(affinity) {
  cpu_set_t set, one;
  CPU_ZERO(&set);
  TRUTH(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0);
  TRUTH(CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
  VALUE(syscall(SYS_sched_getaffinity, 0, 1, &set));
  VALUE(sched_getaffinity(2000000, sizeof set, &one));
  CPU_ZERO(&one);
  int first = 0;
  while (!CPU_ISSET(first, &set)) ++first;
  CPU_SET(first, &one);
  VALUE(sched_setaffinity(0, sizeof one, &one));
  int elsewhere = 0;
  for (int i = 0; i < 200; ++i) {
    elsewhere += sched_getcpu() != first;
    sched_yield();
  }
  VALUE(elsewhere);
  NEED(sched_getaffinity(0, sizeof one, &one) == 0);
  VALUE(CPU_COUNT(&one));
  CPU_ZERO(&one);
  VALUE(sched_setaffinity(0, sizeof one, &one));
  VALUE(sched_setaffinity(0, sizeof set, &set));
  unsigned cpu = 999, node = 999;
  VALUE(syscall(SYS_getcpu, &cpu, &node, NULL));
  TRUTH(cpu < 256 && node < 64);
}

TEST(scheduling_policies) {
  struct sched_param parameter = {0};
  VALUE(sched_getscheduler(0));
  VALUE(sched_getparam(0, &parameter));
  VALUE(parameter.sched_priority);
  VALUE(sched_get_priority_max(SCHED_FIFO));
  VALUE(sched_get_priority_min(SCHED_FIFO));
  VALUE(sched_get_priority_max(SCHED_OTHER));
  VALUE(sched_get_priority_max(99));
  VALUE(setpriority(PRIO_PROCESS, 0, 3));
  errno = 0;
  VALUE(getpriority(PRIO_PROCESS, 0));
  VALUE(setpriority(PRIO_PROCESS, 0, 0));  // the host may have started the suite at another one
  VALUE(sched_yield());
}

TEST(names_and_machine) {
  struct utsname name;
  VALUE(uname(&name));
  say("%s %s", name.sysname, name.machine);
  int major = 0, minor = 0;
  TRUTH(sscanf(name.release, "%d.%d", &major, &minor) == 2 && major >= 4);
  VALUE(uname((void*)8));
  struct sysinfo info;
  VALUE(sysinfo(&info));
  TRUTH(info.totalram * info.mem_unit > 8 << 20 && info.freeram <= info.totalram && info.procs > 0);
  VALUE(sysinfo((void*)8));
  TRUTH(sysconf(_SC_PAGESIZE) == 4096);
  TRUTH(sysconf(_SC_PHYS_PAGES) > 2000 && sysconf(_SC_AVPHYS_PAGES) > 100);
  TRUTH(getuid() == geteuid() && getgid() == getegid());
  TRUTH(getpid() > 0);
  TRUTH(getpgrp() > 0);
}

TEST(auxiliary_vector) {
  VALUE(getauxval(AT_PAGESZ));
  VALUE(getauxval(AT_CLKTCK));
  TRUTH(getauxval(AT_PHDR) != 0);
  VALUE(getauxval(AT_PHENT));
  TRUTH(getauxval(AT_RANDOM) != 0);
  TRUTH(getauxval(AT_EXECFN) != 0);
  TRUTH(getauxval(AT_SYSINFO_EHDR) != 0);
  VALUE(getauxval(AT_SECURE));
  TRUTH(getauxval(AT_UID) == getuid());
  TRUTH(getauxval(AT_MINSIGSTKSZ) >= 1440);
  const Elf64_Ehdr* vdso = (const Elf64_Ehdr*)getauxval(AT_SYSINFO_EHDR);
  TRUTH(memcmp(vdso->e_ident, ELFMAG, SELFMAG) == 0 && vdso->e_machine == EM_X86_64);
  TRUTH(strcmp((const char*)getauxval(AT_PLATFORM), "x86_64") == 0);
}

TEST(numa_policy) {
  int mode = 99;
  unsigned long nodes = 0;
  VALUE(syscall(SYS_get_mempolicy, &mode, &nodes, 64, NULL, 0));
  VALUE(mode);
  VALUE(syscall(SYS_set_mempolicy, 0, NULL, 0));
  VALUE(syscall(SYS_set_mempolicy, 77, NULL, 0));
}

TEST(rseq_registration) {
  // glibc has registered already: a second registration with another area is refused.
  static char area[32] __attribute__((aligned(32)));
  VALUE(syscall(334, area, 16, 0, 0x53053053));
  VALUE(syscall(334, area, 32, 99, 0x53053053));
}

TEST(calls_that_do_not_exist) {
  VALUE(syscall(9999));
  VALUE(syscall(-1));
  VALUE(syscall(0x7fffffff));
  VALUE(syscall(1000000));
}

TEST(no_children) {
  int status;
  VALUE(waitpid(-1, &status, 0));
  VALUE(waitpid(-1, &status, WNOHANG));
  VALUE(wait4(2000000, &status, 0, NULL));
}

TEST(set_tid_address_and_identity_calls) {
  TRUTH(syscall(SYS_set_tid_address, NULL) == syscall(SYS_gettid));
  TRUTH(getpgid(0) == getpgrp());
  TRUTH(getsid(0) > 0);
  TRUTH(umask(022) <= 0777);
}

TEST(unix_socket_that_nobody_serves) {
  // glibc's name service asks nscd so at start-up: socket, connect, ENOENT, go on.
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  NEED(fd >= 0);
  struct {
    sa_family_t family;
    char path[108];
  } address = {AF_UNIX, "/var/run/no-such-socket"};
  VALUE(connect(fd, (struct sockaddr*)&address, sizeof address));
  VALUE(close(fd));
  VALUE(socket(99, SOCK_STREAM, 0));
}

TEST(membarrier_and_priority) {
  TRUTH(syscall(SYS_membarrier, 0, 0, 0) >= 0);
  VALUE(syscall(SYS_membarrier, 0x10000, 0, 0));
  VALUE(mlock(NULL, 0));
}

// --- Users and groups ------------------------------------------------------------------------------

// By the calls themselves: the C library's are for all threads. Root stays root, wherever this runs.
TEST(identities_that_stay) {
  NEED(getuid() == 0 && getgid() == 0);
  VALUE(syscall(SYS_setuid, 0));
  VALUE(syscall(SYS_setgid, 0));
  VALUE(syscall(SYS_setreuid, 0, 0));
  VALUE(syscall(SYS_setreuid, -1, 0));
  VALUE(syscall(SYS_setregid, -1, -1));
  VALUE(syscall(SYS_setresuid, 0, -1, 0));
  VALUE(syscall(SYS_setresgid, -1, -1, -1));
  VALUE(syscall(SYS_setfsuid, 0));
  VALUE(syscall(SYS_setfsgid, 0));
  VALUE(syscall(SYS_setfsuid, -1));  // what it was, and it stays
  VALUE(syscall(SYS_setfsgid, -1));
  VALUE(syscall(SYS_setuid, -1));
  VALUE(syscall(SYS_setgid, -1));
  unsigned id[3] = {7, 7, 7};
  VALUE(syscall(SYS_getresuid, id, id + 1, id + 2));
  say("%u %u %u", id[0], id[1], id[2]);
  VALUE(syscall(SYS_getresgid, id, id + 1, (void*)8));
}

TEST(supplementary_groups) {
  unsigned before[64], list[4] = {0, 0, 0, 0};
  const long count = syscall(SYS_getgroups, 64, before);
  NEED(count >= 0);
  VALUE(syscall(SYS_setgroups, 0, NULL));
  VALUE(syscall(SYS_getgroups, 0, NULL));
  VALUE(syscall(SYS_setgroups, 3, list));
  VALUE(syscall(SYS_getgroups, 0, NULL));
  VALUE(syscall(SYS_getgroups, 2, list));
  list[0] = list[1] = list[2] = 9;
  VALUE(syscall(SYS_getgroups, 4, list));
  say("%u %u %u", list[0], list[1], list[2]);
  VALUE(syscall(SYS_setgroups, -1, list));
  VALUE(syscall(SYS_setgroups, 65537, list));
  VALUE(syscall(SYS_setgroups, 1, (void*)8));
  VALUE(syscall(SYS_getgroups, -1, list));
  NEED(syscall(SYS_setgroups, count, before) == 0);
}

// Nobody changes the file of a program that runs.
TEST(the_running_programs_file_is_busy) {
  const int file = open("/proc/self/exe", O_RDONLY);
  TRUTH(file >= 0);
  close(file);
  VALUE(open("/proc/self/exe", O_WRONLY));
  VALUE(open("/proc/self/exe", O_RDWR | O_TRUNC));
  VALUE(truncate("/proc/self/exe", 0));
}
