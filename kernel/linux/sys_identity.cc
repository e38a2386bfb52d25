// SPDX-License-Identifier: Apache-2.0
//
// Users and groups: credentials(7). There is one user, root, and one group. Becoming them again is fine; anybody else is
// as in a user namespace that maps nobody else, so EINVAL, and the file system's ids, which report
// no errors, stay. Without a lock: how many times the one group is listed is the only thing that changes.
#include "linux/identity.h"

#include <atomic>
#include <initializer_list>

#include "linux/syscall_types.h"
#include "process/process.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr unsigned kRoot = 0, kUnchanged = ~0u;
constexpr unsigned kMostGroups = 65536;  // NGROUPS_MAX

// Relaxed: a number by itself.
std::atomic<unsigned> group_count{1};

SyscallResult become(std::initializer_list<unsigned> ids) {
  for (const unsigned id : ids) {
    if (id != kRoot && id != kUnchanged) return Errno::kEINVAL;
  }
  return 0;
}

}  // namespace

unsigned supplementary_group_count() { return group_count.load(std::memory_order_relaxed); }

SyscallResult sys_getuid() { return kRoot; }
SyscallResult sys_geteuid() { return kRoot; }
SyscallResult sys_getgid() { return kRoot; }
SyscallResult sys_getegid() { return kRoot; }

// -1 is no user here, and "leave it" in the calls with several.
SyscallResult sys_setuid(unsigned user) {
  if (user != kRoot) return Errno::kEINVAL;
  return 0;
}
SyscallResult sys_setgid(unsigned group) { return sys_setuid(group); }
SyscallResult sys_setreuid(unsigned real, unsigned effective) { return become({real, effective}); }
SyscallResult sys_setregid(unsigned real, unsigned effective) { return become({real, effective}); }
SyscallResult sys_setresuid(unsigned real, unsigned effective, unsigned saved) { return become({real, effective, saved}); }
SyscallResult sys_setresgid(unsigned real, unsigned effective, unsigned saved) { return become({real, effective, saved}); }
// The answer is the one of before, whatever becomes of the wish.
SyscallResult sys_setfsuid(unsigned) { return kRoot; }
SyscallResult sys_setfsgid(unsigned) { return kRoot; }

SyscallResult sys_getresuid(VirtAddr real, VirtAddr effective, VirtAddr saved) {
  for (VirtAddr to : {real, effective, saved}) TRY(write_application<std::uint32_t>(to, kRoot));
  return 0;
}
SyscallResult sys_getresgid(VirtAddr real, VirtAddr effective, VirtAddr saved) {
  return sys_getresuid(real, effective, saved);
}

SyscallResult sys_getgroups(int size, VirtAddr list) {
  if (size < 0) return Errno::kEINVAL;
  const unsigned count = supplementary_group_count();
  if (size == 0) return count;
  if (static_cast<unsigned>(size) < count) return Errno::kEINVAL;
  for (unsigned i = 0; i < count; ++i) TRY(write_application<std::uint32_t>(list + i * sizeof(std::uint32_t), kRoot));
  return count;
}

SyscallResult sys_setgroups(int size, VirtAddr list) {
  if (size < 0 || static_cast<unsigned>(size) > kMostGroups) return Errno::kEINVAL;
  const auto count = static_cast<unsigned>(size);
  for (unsigned i = 0; i < count; ++i) {
    if (TRY(read_application<std::uint32_t>(list + i * sizeof(std::uint32_t))) != kRoot) return Errno::kEINVAL;
  }
  group_count.store(count, std::memory_order_relaxed);
  return 0;
}

}  // namespace mokapot
