// SPDX-License-Identifier: Apache-2.0
//
// Tasks and the process: clone, exit, identities, per-thread registrations. There is no second process:
// fork, vfork and execve answer ENOSYS, which Java turns into an IOException.
#include <cstring>

#include "arch/extended_state.h"
#include "arch/traps.h"
#include "linux/syscall_types.h"
#include "process/process.h"
#include "process/signals.h"
#include "process/task.h"
#include "vm/address_space.h"
#include "vm/pressure.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kCloneVm = 0x100, kCloneFs = 0x200, kCloneFiles = 0x400, kCloneSighand = 0x800;
constexpr std::uint64_t kCloneThread = 0x10000, kCloneSysvsem = 0x40000, kCloneSetTls = 0x80000;
constexpr std::uint64_t kCloneParentSetTid = 0x100000, kCloneChildClearTid = 0x200000, kCloneDetached = 0x400000;
constexpr std::uint64_t kCloneChildSetTid = 0x1000000, kCloneIo = 0x80000000;
constexpr std::uint64_t kThreadFlags = kCloneVm | kCloneFs | kCloneFiles | kCloneSighand | kCloneThread;
constexpr std::uint64_t kKnownFlags = kThreadFlags | kCloneSysvsem | kCloneSetTls | kCloneParentSetTid |
                                      kCloneChildClearTid | kCloneDetached | kCloneChildSetTid | kCloneIo;

struct CloneRequest {
  std::uint64_t flags;
  VirtAddr stack;  // top
  VirtAddr parent_tid, child_tid;
  std::uint64_t thread_pointer;
};

void run_new_task(void*) { arch::enter_application(arch::current_application_frame()); }

SyscallResult clone_task(const CloneRequest& request) {
  if ((request.flags & kThreadFlags) != kThreadFlags) {
    // A thread shares all of these; anything less asks for a second process.
    const bool contradictory = (request.flags & kCloneThread) != 0 || ((request.flags & kCloneSighand) != 0 && (request.flags & kCloneVm) == 0);
    return contradictory ? Errno::kEINVAL : Errno::kENOSYS;
  }
  if ((request.flags & ~kKnownFlags) != 0) return Errno::kEINVAL;
  // The threads that there are will touch more of their stacks.
  constexpr std::uint64_t kLastPart = 48;
  if (!memory_is_left(kLastPart)) return Errno::kEAGAIN;
  Task& parent = current_task();
  RefPtr<Task> child = TRY(make_ref<Task>(parent.name()));
  const auto initialised = child->initialise(run_new_task, nullptr);
  if (!initialised.ok()) return Errno::kEAGAIN;  // clone(2): EAGAIN where threads have run out
  arch::save_extended_state(child->extended_state());
  arch::TrapFrame& frame = *VirtAddr(child->kernel_stack().top - sizeof(arch::TrapFrame)).as<arch::TrapFrame>();
  frame = arch::current_application_frame();
  frame.set_result(0);
  if (!request.stack.is_null()) frame.set_stack_pointer(request.stack);
  child->set_thread_pointer((request.flags & kCloneSetTls) != 0 ? request.thread_pointer : parent.thread_pointer());
  child->signals.blocked.store(parent.signals.blocked.load(std::memory_order_relaxed), std::memory_order_relaxed);
  child->set_nice(parent.nice());
  child->set_affinity(parent.affinity());
  if ((request.flags & kCloneChildClearTid) != 0) child->clear_child_tid = request.child_tid;
  TRY(enter_task_table(*child));
  const ThreadId tid = child->tid();
  if ((request.flags & kCloneParentSetTid) != 0) (void)write_application(request.parent_tid, tid).ok();
  if ((request.flags & kCloneChildSetTid) != 0) (void)write_application(request.child_tid, tid).ok();
  child->start();
  return tid;
}

}  // namespace

SyscallResult sys_clone(Flags flags, VirtAddr stack, VirtAddr parent_tid, VirtAddr child_tid, std::size_t thread_pointer) {
  constexpr std::uint64_t kExitSignal = 0xff;
  return clone_task({flags.value & ~kExitSignal, stack, parent_tid, child_tid, thread_pointer});
}

SyscallResult sys_clone3(VirtAddr arguments, std::size_t size) {
  struct {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } args{};
  constexpr std::size_t kFirstVersion = 64;
  if (size > kPageSize) return Errno::kE2BIG;
  if (size < kFirstVersion) return Errno::kEINVAL;
  TRY(copy_from_application(&args, arguments, size < sizeof(args) ? size : sizeof(args)));
  if (args.set_tid_size != 0 || args.set_tid != 0) return Errno::kEINVAL;
  if ((args.stack == 0) != (args.stack_size == 0)) return Errno::kEINVAL;
  if (args.stack != 0 && !is_application_range(VirtAddr(args.stack), args.stack_size)) return Errno::kEINVAL;
  return clone_task({args.flags, VirtAddr(args.stack + args.stack_size), VirtAddr(args.parent_tid), VirtAddr(args.child_tid), args.tls});
}

SyscallResult sys_fork() { return Errno::kENOSYS; }
SyscallResult sys_vfork() { return Errno::kENOSYS; }
SyscallResult sys_execve(Path, VirtAddr, VirtAddr) { return Errno::kENOSYS; }
SyscallResult sys_execveat(Descriptor, Path, VirtAddr, VirtAddr, Flags) { return Errno::kENOSYS; }
SyscallResult sys_wait4(int, VirtAddr, Flags, VirtAddr) { return Errno::kECHILD; }
SyscallResult sys_waitid(int, int, VirtAddr, Flags, VirtAddr) { return Errno::kECHILD; }

SyscallResult sys_exit(int status) { exit_current_task((status & 0xff) << 8); }
SyscallResult sys_exit_group(int status) {
  ProcessEnd how;
  how.status = status & 0xff;
  end_process(how);
  park_calling_task();
}

SyscallResult sys_getpid() { return kProcessId; }
SyscallResult sys_getppid() { return 0; }
SyscallResult sys_gettid() { return current_task().tid(); }
SyscallResult sys_getpgrp() { return kProcessId; }
SyscallResult sys_getpgid(int pid) {
  if (pid != 0 && pid != kProcessId) return Errno::kESRCH;
  return kProcessId;
}
SyscallResult sys_getsid(int pid) { return sys_getpgid(pid); }
SyscallResult sys_setsid() { return Errno::kEPERM; }  // it leads its group already
SyscallResult sys_setpgid(int pid, int group) {
  if ((pid != 0 && pid != kProcessId) || (group != 0 && group != kProcessId)) return Errno::kESRCH;
  return Errno::kEPERM;  // a session leader stays in its group
}
SyscallResult sys_set_tid_address(VirtAddr address) {
  current_task().clear_child_tid = address;
  return current_task().tid();
}

namespace {
constexpr std::size_t kRobustListHead = 24;
}  // namespace
SyscallResult sys_set_robust_list(VirtAddr head, std::size_t size) {
  if (size != kRobustListHead) return Errno::kEINVAL;
  current_task().robust_list = head;
  return 0;
}
SyscallResult sys_get_robust_list(int tid, VirtAddr head, VirtAddr size) {
  RefPtr<Task> task = tid == 0 ? RefPtr<Task>(&current_task()) : find_task(tid);
  if (!task) return Errno::kESRCH;
  TRY(write_application(size, std::uint64_t{kRobustListHead}));
  TRY(write_application(head, task->robust_list.value()));
  return 0;
}

SyscallResult sys_rseq(VirtAddr area, unsigned length, int flags, unsigned signature) {
  constexpr unsigned kOriginalSize = 32;
  constexpr int kUnregister = 1;
  Task& task = current_task();
  if ((flags & kUnregister) != 0) {
    if (flags != kUnregister || task.rseq_area.is_null() || area != task.rseq_area || length != task.rseq_length)
      return Errno::kEINVAL;
    if (signature != task.rseq_signature) return Errno::kEPERM;
    const std::uint32_t none[2] = {0, ~std::uint32_t{0}};
    TRY(copy_to_application(area, none, sizeof(none)));
    task.rseq_area = VirtAddr();
    return 0;
  }
  if (flags != 0) return Errno::kEINVAL;
  if (!task.rseq_area.is_null()) {
    if (area != task.rseq_area || length != task.rseq_length) return Errno::kEINVAL;
    return signature != task.rseq_signature ? Errno::kEPERM : Errno::kEBUSY;
  }
  if (length < kOriginalSize || !is_aligned(area.value(), kOriginalSize)) return Errno::kEINVAL;
  if (!is_application_range(area, length)) return Errno::kEFAULT;
  task.rseq_area = area;
  task.rseq_length = length;
  task.rseq_signature = signature;
  task.request_rseq_refresh();  // filled in on the way back
  return 0;
}

SyscallResult sys_arch_prctl(int code, std::size_t address) {
  constexpr int kSetGs = 0x1001, kSetFs = 0x1002, kGetFs = 0x1003, kGetGs = 0x1004;
  switch (code) {
    case kSetFs:
      if (address >= kApplicationEnd) return Errno::kEPERM;
      current_task().set_thread_pointer(address);
      return 0;
    case kGetFs: TRY(write_application(VirtAddr(address), current_task().thread_pointer())); return 0;
    case kGetGs: TRY(write_application(VirtAddr(address), std::uint64_t{0})); return 0;
    case kSetGs: return Errno::kEPERM;  // GS is the kernel's: DESIGN section 4
    default: return Errno::kEINVAL;
  }
}

SyscallResult sys_prctl(int option, std::size_t a2, std::size_t a3, std::size_t a4, std::size_t a5) {
  enum : int {
    kSetDeathSignal = 1, kGetDeathSignal = 2, kGetDumpable = 3, kSetDumpable = 4, kGetKeepCaps = 7, kSetName = 15,
    kGetName = 16, kGetSeccomp = 21, kCapabilityRead = 23, kSetTimerSlack = 29, kGetTimerSlack = 30,
    kSetChildSubreaper = 36, kGetChildSubreaper = 37, kSetNoNewPrivileges = 38, kGetNoNewPrivileges = 39, kGetThpDisable = 42,
    kSetVma = 0x53564d41
  };
  Task& task = current_task();
  switch (option) {
    case kSetName: {
      char name[16] = {};
      const auto length = copy_string_from_application(name, VirtAddr(a2), sizeof(name) - 1);
      if (!length.ok() && length.error() != Errno::kENAMETOOLONG) return length.error();
      task.set_name(name);
      return 0;
    }
    case kGetName: {
      char name[16] = {};
      std::strncpy(name, task.name(), sizeof(name) - 1);
      TRY(copy_to_application(VirtAddr(a2), name, sizeof(name)));
      return 0;
    }
    case kGetDumpable: return 1;
    case kSetDumpable: return a2 > 1 ? SyscallResult(Errno::kEINVAL) : SyscallResult(0);
    case kSetDeathSignal: return a2 > 64 ? SyscallResult(Errno::kEINVAL) : SyscallResult(0);
    case kGetDeathSignal:
    case kGetChildSubreaper: TRY(write_application<std::int32_t>(VirtAddr(a2), 0)); return 0;
    case kSetChildSubreaper:
    case kSetTimerSlack: return 0;
    case kGetTimerSlack: return 50000;
    case kSetNoNewPrivileges: return a2 == 1 && a3 == 0 && a4 == 0 && a5 == 0 ? SyscallResult(0) : SyscallResult(Errno::kEINVAL);
    case kGetNoNewPrivileges:
    case kGetKeepCaps:
    case kGetSeccomp:
    case kGetThpDisable: return 0;
    case kCapabilityRead: return a2 <= 40 ? SyscallResult(1) : SyscallResult(Errno::kEINVAL);
    case kSetVma: return Errno::kEINVAL;  // as on a Linux without CONFIG_ANON_VMA_NAME
    default: return Errno::kEINVAL;
  }
}

SyscallResult sys_getrlimit(unsigned resource, VirtAddr limit) {
  const ResourceLimit current = TRY(resource_limit(resource));
  TRY(write_application(limit, current));
  return 0;
}
SyscallResult sys_setrlimit(unsigned resource, VirtAddr limit) {
  const auto wanted = TRY(read_application<ResourceLimit>(limit));
  TRY(set_resource_limit(resource, wanted));
  return 0;
}
SyscallResult sys_prlimit64(int pid, unsigned resource, VirtAddr new_limit, VirtAddr old_limit) {
  if (pid != 0 && pid != kProcessId && !find_task(pid)) return Errno::kESRCH;
  const ResourceLimit before = TRY(resource_limit(resource));
  if (!new_limit.is_null()) TRY(set_resource_limit(resource, TRY(read_application<ResourceLimit>(new_limit))));
  if (!old_limit.is_null()) TRY(write_application(old_limit, before));
  return 0;
}

}  // namespace mokapot
