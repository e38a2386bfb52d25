// SPDX-License-Identifier: Apache-2.0
//
// The machine and the system as a whole: uname, sysinfo, getrandom and small relations.
#include <cstring>

#include "device/random.h"
#include "fs/page_cache.h"
#include "fs/process_info.h"
#include "linux/syscall_types.h"
#include "linux/system_version.h"
#include "memory/frames.h"
#include "process/task.h"
#include "time/clock.h"
#include "vm/pressure.h"
#include "vm/user_access.h"

namespace mokapot {

SyscallResult sys_uname(VirtAddr to) {
  struct {
    char system[65], node[65], release[65], version[65], machine[65], domain[65];
  } names{};
  std::strcpy(names.system, "Linux");
  const std::string_view hostname = process_info().hostname;
  std::memcpy(names.node, hostname.data(), hostname.size() < 64 ? hostname.size() : 64);
  std::strcpy(names.release, MOKAPOT_SYSTEM_RELEASE);
  std::strcpy(names.version, MOKAPOT_SYSTEM_VERSION);
  std::strcpy(names.machine, "x86_64");
  std::strcpy(names.domain, "(none)");
  TRY(copy_to_application(to, &names, sizeof(names)));
  return 0;
}

SyscallResult sys_sysinfo(VirtAddr to) {
  struct {
    std::int64_t uptime;
    std::uint64_t loads[3], total, free, shared, buffers, total_swap, free_swap;
    std::uint16_t processes, padding;
    std::uint32_t padding2;
    std::uint64_t total_high, free_high;
    std::uint32_t unit;
  } info{};
  const FrameStatistics frames = frame_statistics();
  info.uptime = now().nanoseconds() / 1000000000;
  info.total = frames.total_frames * kPageSize;
  info.free = frames.free_frames * kPageSize;
  info.shared = frames.used_by[static_cast<std::size_t>(FrameUse::kTmpfs)] * kPageSize;
  info.processes = static_cast<std::uint16_t>(task_count());
  info.unit = 1;
  static_assert(sizeof(info) == 112);
  TRY(copy_to_application(to, &info, sizeof(info)));
  return 0;
}

SyscallResult sys_getrandom(VirtAddr to, std::size_t size, Flags flags) {
  constexpr std::uint64_t kNonBlock = 1, kRandom = 2, kInsecure = 4;
  if ((flags & ~(kNonBlock | kRandom | kInsecure)) != 0 || (flags & (kRandom | kInsecure)) == (kRandom | kInsecure))
    return Errno::kEINVAL;
  constexpr std::size_t kMost = 0x1ffffff;  // getrandom(2): 33554431 bytes a call
  if (size > kMost) size = kMost;
  std::size_t done = 0;
  while (done < size) {
    std::uint8_t chunk[256];
    const std::size_t count = size - done < sizeof(chunk) ? size - done : sizeof(chunk);
    random_bytes(chunk, count);
    const auto copied = copy_to_application(to + done, chunk, count);
    if (!copied.ok()) {
      if (done == 0) return copied.error();
      break;
    }
    done += count;
  }
  return static_cast<std::int64_t>(done);
}

SyscallResult sys_personality(unsigned persona) {
  if (persona != 0xffffffff && persona != 0) return Errno::kEINVAL;
  return 0;
}

SyscallResult sys_capget(VirtAddr header, VirtAddr data) {
  struct Header { std::uint32_t version; std::int32_t pid; };
  constexpr std::uint32_t kVersion3 = 0x20080522;
  const auto given = TRY(read_application<Header>(header));
  if (given.version != kVersion3) {
    TRY(write_application(header, kVersion3));
    if (data.is_null()) return 0;
    return Errno::kEINVAL;
  }
  if (data.is_null()) return 0;
  // Root's full set, as Linux reports it.
  struct { std::uint32_t effective, permitted, inheritable; } sets[2] = {{~0u, ~0u, 0}, {0x1ff, 0x1ff, 0}};
  TRY(copy_to_application(data, sets, sizeof(sets)));
  return 0;
}

}  // namespace mokapot
