// SPDX-License-Identifier: Apache-2.0
//
// The cgroup v2 tree: one group, which is the VM. Its limits are the VM's size, so that whoever asks the cgroup
// (container-aware runtimes, monitoring) and whoever asks the machine learn the same.

#include "linux/proc_nodes_internal.h"
#include "memory/frames.h"
#include "sched/thread.h"
#include "time/clock.h"

namespace mokapot::proc_nodes {
namespace {

std::uint64_t used_by(FrameUse use) { return frame_statistics().used_by[static_cast<std::size_t>(use)] * kPageSize; }

Result<void> print_cpus(TextSink& out, PseudoContext) {
  print_cpu_list(out);
  return {};
}

Result<void> print_memory_current(TextSink& out, PseudoContext) {
  const FrameStatistics f = frame_statistics();
  out.print("%lu\n", static_cast<unsigned long>((f.total_frames - f.free_frames) * kPageSize));
  return {};
}

Result<void> print_memory_max(TextSink& out, PseudoContext) {
  out.print("%lu\n", static_cast<unsigned long>(frame_statistics().total_frames * kPageSize));
  return {};
}

constexpr unsigned kPeriodMicroseconds = 100'000;

// Microseconds of processor time that the group may use in each period.
Result<void> print_cpu_max(TextSink& out, PseudoContext) {
  out.print("%u %u\n", cpu_count() * kPeriodMicroseconds, kPeriodMicroseconds);
  return {};
}

Result<void> print_memory_stat(TextSink& out, PseudoContext) {
  const auto line = [&out](const char* name, std::uint64_t value) {
    out.print("%s %lu\n", name, static_cast<unsigned long>(value));
  };
  line("anon", used_by(FrameUse::kAnonymous));
  line("file", used_by(FrameUse::kPageCache) + used_by(FrameUse::kTmpfs));
  line("kernel_stack", used_by(FrameUse::kKernelStack));
  line("pagetables", used_by(FrameUse::kPageTable));
  line("shmem", used_by(FrameUse::kTmpfs));
  line("file_mapped", 0);
  line("file_dirty", 0);
  line("inactive_anon", 0);
  line("active_anon", used_by(FrameUse::kAnonymous));
  line("inactive_file", used_by(FrameUse::kPageCache));
  line("active_file", 0);
  line("unevictable", 0);
  line("slab_reclaimable", 0);
  line("slab_unreclaimable", used_by(FrameUse::kHeap));
  return {};
}

// The JVM divides what was used by the periods that went by, and calls the load unknown if none did.
Result<void> print_cpu_stat(TextSink& out, PseudoContext) {
  constexpr std::int64_t kMicrosecond = 1000;
  SplitTime sum;
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu) {
    const SplitTime split = cpu_times(CpuId(cpu)).split;
    sum = {sum.user + split.user, sum.system + split.system};
  }
  out.print("usage_usec %ld\nuser_usec %ld\nsystem_usec %ld\nnr_periods %ld\nnr_throttled 0\nthrottled_usec 0\n",
            static_cast<long>((sum.user + sum.system).nanoseconds() / kMicrosecond),
            static_cast<long>(sum.user.nanoseconds() / kMicrosecond),
            static_cast<long>(sum.system.nanoseconds() / kMicrosecond),
            static_cast<long>(now().nanoseconds() / (kPeriodMicroseconds * kMicrosecond)));
  return {};
}

Result<void> print_task_count(TextSink& out, PseudoContext) {
  out.print("%u\n", task_count());
  return {};
}

constexpr PseudoEntry kEntries[] = {
    pseudo_text("cgroup.controllers", "cpuset cpu io memory pids\n"),
    pseudo_text("cgroup.procs", "1\n"),
    pseudo_text("cgroup.subtree_control", "\n"),
    pseudo_text("cgroup.type", "domain\n"),
    pseudo_file("cpu.max", print_cpu_max),
    pseudo_file("cpu.stat", print_cpu_stat),
    pseudo_text("cpu.weight", "100\n"),
    pseudo_text("cpuset.cpus", "\n"),
    pseudo_file("cpuset.cpus.effective", print_cpus),
    pseudo_text("cpuset.mems", "\n"),
    pseudo_text("cpuset.mems.effective", "0\n"),
    pseudo_text("io.stat", ""),
    pseudo_file("memory.current", print_memory_current),
    pseudo_text("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"),
    pseudo_text("memory.high", "max\n"),
    pseudo_text("memory.low", "0\n"),
    pseudo_file("memory.max", print_memory_max),
    pseudo_text("memory.min", "0\n"),
    pseudo_file("memory.peak", print_memory_current),
    pseudo_file("memory.stat", print_memory_stat),
    pseudo_text("memory.swap.current", "0\n"),
    pseudo_text("memory.swap.max", "0\n"),
    pseudo_file("pids.current", print_task_count),
    pseudo_text("pids.max", "max\n"),
    kPseudoEnd,
};

}  // namespace

constexpr PseudoEntry kCgroupRoot = pseudo_directory("", kEntries);

}  // namespace mokapot::proc_nodes
