// SPDX-License-Identifier: Apache-2.0
//
// Files in /proc about the machine: processors, times, load, mounts.

#include <cstring>

#include "arch/processor_description.h"
#include "base/format.h"
#include "fs/vfs.h"
#include "linux/proc_nodes_internal.h"
#include "sched/thread.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace mokapot::proc_nodes {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// The counter's frequency, by the clock source's own scale where that rests on the counter.
std::uint64_t frequency_khz() {
  ClockSource::TscParameters p{};
  if (clock_source().tsc_parameters(p) && p.multiplier != 0 && p.shift < 64) {
    // now = ticks * multiplier >> shift, so one millisecond is 10^6 << shift / multiplier ticks.
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{1'000'000} << p.shift) / p.multiplier);
  }
  return arch::described_frequency_khz();
}

// Load averages, brought up to date when they are read: the CPUs' busy time since the last reading, decayed in
// Linux's steps of 5 s. What waits for a CPU is not counted, only what runs.
struct LoadAverage {
  SpinLock lock{LockRank::kDentries};
  Instant updated GUARDED_BY(lock);
  Duration busy GUARDED_BY(lock);
  std::uint64_t average[3] GUARDED_BY(lock) = {};  // fixed point, 11 bits
};
constinit LoadAverage load_average;

void update_load_locked(LoadAverage& load, Instant time, Duration busy) REQUIRES(load.lock) {
  constexpr std::uint64_t kOne = 1 << 11;
  constexpr std::uint64_t kDecay[3] = {1884, 2014, 2037};  // e^(-5 s / 1, 5, 15 min), in 11 bits
  constexpr std::int64_t kStep = 5 * kSecond;
  constexpr std::int64_t kMostSteps = 1000;  // after that nothing is left of what was
  const std::int64_t passed = (time - load.updated).nanoseconds();
  if (passed < kStep) return;
  const std::uint64_t running =
      static_cast<std::uint64_t>((busy - load.busy).nanoseconds() / (passed / static_cast<std::int64_t>(kOne)));
  std::int64_t steps = passed / kStep;
  if (steps > kMostSteps) steps = kMostSteps;
  for (; steps > 0; --steps) {
    for (int i = 0; i < 3; ++i) {
      load.average[i] = (load.average[i] * kDecay[i] + running * (kOne - kDecay[i])) / kOne;
    }
  }
  load.updated = time;
  load.busy = busy;
}

CpuTimes all_cpu_times() {
  CpuTimes sum{};
  for (std::uint32_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if ((online_cpus() & cpu_bit(CpuId(cpu))) == 0) continue;
    const CpuTimes times = cpu_times(CpuId(cpu));
    sum.busy = sum.busy + times.busy;
    sum.idle = sum.idle + times.idle;
    sum.split.user = sum.split.user + times.split.user;
    sum.split.system = sum.split.system + times.split.system;
  }
  return sum;
}

void print_cpu_times(TextSink& out, const char* name, const CpuTimes& times) {
  out.print("%s %lu 0 %lu %lu 0 0 0 0 0 0\n", name, number(clock_ticks(times.split.user)),
            number(clock_ticks(times.split.system)), number(clock_ticks(times.idle)));
}

}  // namespace

void print_cpu_list(TextSink& out) {
  const unsigned count = cpu_count();
  if (count == 1) out.print("0\n");
  else out.print("0-%u\n", count - 1);
}

Result<void> print_cpuinfo(TextSink& out, PseudoContext) {
  const arch::ProcessorDescription d = arch::describe_processor();
  const char* name = d.model_name;
  while (*name == ' ') ++name;
  const std::uint64_t khz = frequency_khz();
  const unsigned count = cpu_count();
  for (unsigned cpu = 0; cpu < count; ++cpu) {
    out.print("processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n", cpu, d.vendor,
              d.family, d.model, *name != '\0' ? name : "unknown");
    if (d.stepping != 0) out.print("stepping\t: %u\n", d.stepping);
    else out.print("stepping\t: unknown\n");
    if (khz != 0) {
      out.print("cpu MHz\t\t: %lu.%03lu\n", static_cast<unsigned long>(khz / 1000),
                static_cast<unsigned long>(khz % 1000));
    }
    if (d.cache_kib != 0) out.print("cache size\t: %u KB\n", d.cache_kib);
    out.print("physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\n", count, cpu, count,
              cpu);
    out.print("fpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t:");
    arch::for_each_processor_feature(
        [](const char* feature, void* sink) { static_cast<TextSink*>(sink)->print(" %s", feature); }, &out);
    out.print("\nbugs\t\t:\nbogomips\t: %lu.%02lu\nclflush size\t: %u\ncache_alignment\t: %u\n",
              static_cast<unsigned long>(khz / 500), static_cast<unsigned long>(khz / 5 % 100), d.flush_bytes,
              d.flush_bytes);
    out.print("address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n", d.physical_bits,
              d.virtual_bits);
  }
  return {};
}

Result<void> print_stat(TextSink& out, PseudoContext) {
  print_cpu_times(out, "cpu ", all_cpu_times());
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu) {
    char name[16];
    format_to(name, sizeof name, "cpu%u", cpu);
    print_cpu_times(out, name, cpu_times(CpuId(cpu)));
  }
  struct Counts {
    std::uint64_t switches = 0;
    unsigned running = 0, tasks = 0;
  } counts;
  for_each_thread(
      [](Thread& thread, void* context) {
        auto& c = *static_cast<Counts*>(context);
        c.switches += thread.voluntary_switches() + thread.forced_switches();
        c.running += thread.state() == ThreadState::kRunnable ? 1 : 0;
        ++c.tasks;
      },
      &counts);
  out.print("intr %lu\nctxt %lu\nbtime %ld\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
            static_cast<unsigned long>(interrupt_total()), static_cast<unsigned long>(counts.switches), static_cast<long>(wall_clock_base() / kSecond), counts.tasks,
            counts.running == 0 ? 1 : counts.running);
  return {};
}

Result<void> print_uptime(TextSink& out, PseudoContext) {
  const std::int64_t up = now().nanoseconds(), idle = all_cpu_times().idle.nanoseconds();
  constexpr std::int64_t kHundredth = kSecond / 100;
  out.print("%ld.%02ld %ld.%02ld\n", static_cast<long>(up / kSecond), static_cast<long>(up / kHundredth % 100),
            static_cast<long>(idle / kSecond), static_cast<long>(idle / kHundredth % 100));
  return {};
}

Result<void> print_load_average(TextSink& out, PseudoContext) {
  const Duration busy = all_cpu_times().busy;
  std::uint64_t average[3];
  {
    SpinGuard guard(load_average.lock);
    update_load_locked(load_average, now(), busy);
    std::memcpy(average, load_average.average, sizeof average);
  }
  for (const std::uint64_t value : average) {
    out.print("%lu.%02lu ", static_cast<unsigned long>(value >> 11),
              static_cast<unsigned long>((value & 2047) * 100 >> 11));
  }
  out.print("1/%u %u\n", task_count(), task_count());
  return {};
}

Result<void> print_mounts(TextSink& out, PseudoContext) {
  vfs_for_each_mount(
      [](const MountInformation& m, void* sink) {
        static_cast<TextSink*>(sink)->print("%s %.*s %s %s 0 0\n", m.source, static_cast<int>(m.path.size()),
                                            m.path.data(), m.type, m.options);
      },
      &out);
  return {};
}

Result<void> print_mountinfo(TextSink& out, PseudoContext) {
  vfs_for_each_mount(
      [](const MountInformation& m, void* sink) {
        const char* access = std::strncmp(m.options, "ro", 2) == 0 ? "ro" : "rw";
        static_cast<TextSink*>(sink)->print("%d %d 0:%lu / %.*s %s - %s %s %s\n", m.id, m.parent,
                                            static_cast<unsigned long>(m.device & 0xff),
                                            static_cast<int>(m.path.size()), m.path.data(), m.options, m.type, m.source,
                                            access);
      },
      &out);
  return {};
}

}  // namespace mokapot::proc_nodes
