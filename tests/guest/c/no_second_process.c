// SPDX-License-Identifier: Apache-2.0
//
// fork, vfork and execve do not exist here, say so by an error, and leave the process as it was. Not
// compared with the host, where they work, but with no_second_process.expected.

#include "check.h"

#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

const char* check_prefix;
extern char** environ;

static const char* verdict(long result) {
  if (result == 0) _exit(77);  // a child: there must be none
  if (result > 0) return "WORKED";
  switch (errno) {  // what Java and shells turn into a message
    case EAGAIN: case ENOSYS: case ENOMEM: case EPERM: case EACCES: return "refused";
    default: return check_errno_name(errno);
  }
}

static int never_run(void* unused) { _exit(78); }

int main(void) {
  say("fork: %s", verdict(fork()));
  say("vfork: %s", verdict(syscall(SYS_vfork)));
  char* stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say("clone: %s", verdict(clone(never_run, stack + 65536, CLONE_VM | CLONE_VFORK | 17, NULL)));
  char* arguments[] = {"/bin/true", NULL};
  pid_t child;
  int error = posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ);
  errno = error;
  say("posix_spawn: %s", error == 0 ? "WORKED" : verdict(-1));
  say("execve of nothing: %d", execve("/no/such/program", arguments, environ));
  say("execve: %s", verdict(execve("/proc/self/exe", arguments, environ)));
  say("still here: %d", getpid() > 0);
  return 0;
}
