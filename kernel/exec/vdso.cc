// SPDX-License-Identifier: Apache-2.0
#include "exec/vdso.h"

#include <atomic>

#include "base/global.h"
#include "exec/program.h"
#include "exec/vdso/vdso_data.h"
#include "sched/mutex.h"
#include "time/clock.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

extern "C" const char vdso_image_begin[];
extern "C" const char vdso_image_end[];

// Set once, before the first task runs.
constinit VirtAddr data_page;
constinit Global<Mutex> refresh_lock;

}  // namespace

Result<VirtAddr> map_vdso() {
  const std::uint64_t image_size = static_cast<std::uint64_t>(vdso_image_end - vdso_image_begin);
  MapRequest request;
  request.size = kPageSize + align_up(image_size, kPageSize);
  request.protection = Protection::kRead | Protection::kWrite;
  request.stack = true;  // 4 KiB pages
  request.name = "[vvar]";
  const VirtAddr base = TRY(address_space().map(request));
  const VirtAddr image = base + kPageSize;
  // The image gets a region of its own, for its name and its protection.
  request.address = image;
  request.size = align_up(image_size, kPageSize);
  request.placement = Placement::kFixed;
  request.name = "[vdso]";
  TRY(address_space().map(request));
  TRY(copy_to_application(image, vdso_image_begin, image_size));
  TRY(address_space().protect(image, request.size, Protection::kRead | Protection::kExecute));
  refresh_lock.construct(LockRank::kProcess);
  data_page = base;
  refresh_vdso_clock();
  return image;
}

void refresh_vdso_clock() {
  if (data_page.is_null()) return;
  MutexGuard guard(*refresh_lock);  // before the clock is read: the last to read is the last to write
  vdso_data data{};
  ClockSource::TscParameters tsc{};
  data.tsc_usable = clock_source().tsc_parameters(tsc);
  data.tsc_base = tsc.tsc_base;
  data.base_nanoseconds = tsc.base_nanoseconds;
  data.multiplier = tsc.multiplier;
  data.shift = tsc.shift;
  const WallClockState wall = wall_clock_state();
  data.wall_base = wall.base;
  data.slew_begin = wall.begin.nanoseconds();
  data.slew_end = wall.end.nanoseconds();
  data.slew_shift = kSlewShift;
  data.slew_backwards = wall.backwards;
  // The sequence is odd while the rest changes. A failure means that the application unmapped the page.
  static constinit std::uint32_t sequence = 0;
  const std::uint32_t odd = ++sequence;
  if (!write_application(data_page, odd).ok()) return;
  std::atomic_thread_fence(std::memory_order_release);
  data.sequence = odd;
  if (!write_application(data_page, data).ok()) return;
  std::atomic_thread_fence(std::memory_order_release);
  const std::uint32_t even = ++sequence;
  (void)write_application(data_page, even).ok();
}

}  // namespace mokapot
