// SPDX-License-Identifier: Apache-2.0
//
// /proc/<pid> and /proc/<pid>/task/<tid>. There is one process; context.a is the thread asked about.

#include <atomic>
#include <cstring>

#include "base/format.h"
#include "base/vector.h"
#include "fs/path_walk.h"
#include "fs/process_info.h"
#include "fs/vfs.h"
#include "linux/identity.h"
#include "linux/proc_nodes_internal.h"
#include "memory/frames.h"
#include "process/process.h"
#include "process/signals.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot::proc_nodes {
namespace {

std::atomic<std::uint32_t> coredump_filter{0x33};  // Linux's default; nothing dumps core, but it is kept
std::atomic<std::int32_t> out_of_memory_adjustment{0};

struct StateName {
  char letter;
  const char* word;
};
StateName state_of(const Task& task) {
  switch (task.state()) {
    case ThreadState::kNew:
    case ThreadState::kRunnable: return {'R', "running"};
    case ThreadState::kBlocked: return {'S', "sleeping"};
    case ThreadState::kDead: return {'X', "dead"};
  }
  return {'S', "sleeping"};
}

struct HandledSignals {
  SignalSet ignored = 0, caught = 0;
};
HandledSignals handled_signals() {
  HandledSignals sets;
  for (int signal = 1; signal <= kSignalCount; ++signal) {
    const std::uint64_t handler = signal_action(signal).handler;
    if (handler == kHandlerIgnore) sets.ignored |= signal_bit(signal);
    else if (handler != kHandlerDefault) sets.caught |= signal_bit(signal);
  }
  return sets;
}

std::uint64_t resident(const AddressSpace::Statistics& s) {
  return s.resident_anonymous + s.resident_file + s.resident_shared;
}

// Mapped sizes by use, as the Vm lines of status have them.
struct RegionSizes {
  std::uint64_t data = 0, stack = 0, code = 0;
};
RegionSizes region_sizes() {
  RegionSizes sizes;
  address_space().for_each_region(
      [](const AddressSpace::RegionInformation& region, void* context) {
        auto& s = *static_cast<RegionSizes*>(context);
        const std::uint64_t size = region.end - region.begin;
        if (region.name != nullptr && std::strcmp(region.name, "[stack]") == 0) s.stack += size;
        else if (region.sharing == Sharing::kPrivate && permits(region.protection, Protection::kWrite)) s.data += size;
        else if (region.source != nullptr && permits(region.protection, Protection::kExecute)) s.code += size;
      },
      &sizes);
  return sizes;
}

void print_stat_line(TextSink& out, const Task& task, const SplitTime& cpu_time, std::uint64_t minor, std::uint64_t major,
                     unsigned threads) {
  const AddressSpace::Statistics s = address_space().statistics();
  const ProcessInfo& info = process_info();
  constexpr int kNeutralPriority = 20;
  constexpr std::int64_t kTick = 10'000'000;
  // Fields 1 to 22, as proc(5) numbers them: pid (comm) state ppid pgrp session tty_nr tpgid flags minflt
  // cminflt majflt cmajflt utime stime cutime cstime priority nice num_threads itrealvalue starttime.
  out.print("%d (%s) %c 0 %d %d 0 -1 4194304 %lu 0 %lu 0 %lu %lu 0 0 %d %d %u 0 %lu ", task.tid(), task.name(),
            state_of(task).letter, kProcessId, kProcessId, number(minor), number(major),
            number(clock_ticks(cpu_time.user)), number(clock_ticks(cpu_time.system)), kNeutralPriority + task.nice(), task.nice(), threads,
            number(static_cast<std::uint64_t>(info.started.nanoseconds() / kTick)));
  // 23 to 28: vsize rss rsslim startcode endcode startstack.
  out.print("%lu %lu %lu %lu %lu %lu ", number(s.mapped_bytes), number(resident(s) / kPageSize), ~0ul,
            number(info.code_begin.value()), number(info.code_end.value()), number(info.stack_start.value()));
  // 29 to 44: kstkesp kstkeip signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor
  // rt_priority policy delayacct_blkio_ticks guest_time cguest_time.
  out.print("0 0 %lu %lu 0 0 0 0 0 17 %u %d %d 0 0 0 ",
            number(pending_signals(task) & 0x7fffffff),
            number(task.signals.blocked.load(std::memory_order_relaxed) & 0x7fffffff), task.last_cpu().index(),
            task.real_time_priority(), static_cast<int>(task.scheduling_policy()));
  // 45 to 52: start_data end_data start_brk arg_start arg_end env_start env_end exit_code.
  out.print("%lu %lu %lu %lu %lu %lu %lu 0\n", number(info.data_begin.value()), number(info.data_end.value()),
            number(info.break_start.value()), number(info.argument_begin.value()), number(info.argument_end.value()),
            number(info.environment_begin.value()), number(info.environment_end.value()));
}

Result<void> print_process_stat(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  const AddressSpace::Statistics s = address_space().statistics();
  print_stat_line(out, *task, application_usage().split, s.faults_minor, s.faults_major, task_count());
  return {};
}

Result<void> print_thread_stat(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  print_stat_line(out, *task, task->split_cpu_time(), task->minor_faults.load(std::memory_order_relaxed),
                  task->major_faults.load(std::memory_order_relaxed), task_count());
  return {};
}

Result<void> print_status(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  const AddressSpace::Statistics s = address_space().statistics();
  const ProcessInfo& info = process_info();
  const StateName state = state_of(*task);
  const HandledSignals handled = handled_signals();
  const auto memory = [&out](const char* name, std::uint64_t bytes) {
    out.print("%s\t%8lu kB\n", name, number(bytes / 1024));
  };
  out.print("Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t0\nTracerPid:\t0\n",
            task->name(), file_creation_mask(), state.letter, state.word, kProcessId, task->tid());
  out.write("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t");
  for (unsigned group = 0; group < supplementary_group_count(); ++group) out.write(group == 0 ? "0" : " 0");
  out.print(" \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n",
            kProcessId, task->tid(), kProcessId, kProcessId);
  memory("VmPeak:", s.peak_mapped_bytes);
  memory("VmSize:", s.mapped_bytes);
  memory("VmLck:", 0);
  memory("VmPin:", 0);
  memory("VmHWM:", s.peak_resident);
  memory("VmRSS:", resident(s));
  memory("RssAnon:", s.resident_anonymous);
  memory("RssFile:", s.resident_file);
  memory("RssShmem:", s.resident_shared);
  const RegionSizes sizes = region_sizes();
  const std::uint64_t own_code = info.code_end - info.code_begin;
  memory("VmData:", sizes.data);
  memory("VmStk:", sizes.stack);
  memory("VmExe:", own_code);
  memory("VmLib:", sizes.code > own_code ? sizes.code - own_code : 0);
  memory("VmPTE:", frame_statistics().used_by[static_cast<std::size_t>(FrameUse::kPageTable)] * kPageSize);
  memory("VmSwap:", 0);
  out.print("HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t%u\n", task_count());
  out.print("SigQ:\t0/%u\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", 4096u,
            number(pending_signals(*task) & ~pending_process_signals()), number(pending_process_signals()),
            number(task->signals.blocked.load(std::memory_order_relaxed)), number(handled.ignored), number(handled.caught));
  out.print("CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n"
            "CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n");
  const std::uint64_t mask = online_cpus() & task->affinity();
  out.print("Cpus_allowed:\t%lx\nCpus_allowed_list:\t", number(mask));
  bool first = true;
  for (unsigned cpu = 0; cpu < kMaxCpus; ++cpu) {
    if ((mask >> cpu & 1) == 0) continue;
    unsigned last = cpu;
    while (last + 1 < kMaxCpus && (mask >> (last + 1) & 1) != 0) ++last;
    out.print(last == cpu ? "%s%u" : "%s%u-%u", first ? "" : ",", cpu, last);
    first = false;
    cpu = last;
  }
  out.print("\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
            number(task->voluntary_switches()), number(task->forced_switches()));
  return {};
}

Result<void> print_comm(TextSink& out, PseudoContext context) {
  out.print("%s\n", TRY(task_of(context))->name());
  return {};
}

Result<void> set_comm(std::string_view text, PseudoContext context) {
  constexpr std::size_t kMostName = 15;
  char name[kMostName + 1] = {};
  if (text.ends_with('\n')) text.remove_suffix(1);
  text.copy(name, kMostName);
  TRY(task_of(context))->set_name(name);
  return {};
}

// A range of the application's memory, as far as it can be read.
Result<void> print_application_memory(TextSink& out, VirtAddr begin, VirtAddr end) {
  constexpr std::uint64_t kChunk = 4096;
  Vector<char> chunk;
  TRY(chunk.resize(kChunk));
  for (VirtAddr at = begin; at < end;) {
    const std::uint64_t size = end - at < kChunk ? end - at : kChunk;
    if (!copy_from_application(chunk.data(), at, size).ok()) break;
    out.write({chunk.data(), size});
    at += size;
  }
  return {};
}

Result<void> print_cmdline(TextSink& out, PseudoContext) {
  return print_application_memory(out, process_info().argument_begin, process_info().argument_end);
}
Result<void> print_environ(TextSink& out, PseudoContext) {
  return print_application_memory(out, process_info().environment_begin, process_info().environment_end);
}
Result<void> print_auxv(TextSink& out, PseudoContext) {
  const auto vector = process_info().auxiliary_vector;
  // SAFETY: words as the bytes that auxv is made of.
  out.write({reinterpret_cast<const char*>(vector.data()), vector.size_bytes()});
  return {};
}

Result<void> print_limits(TextSink& out, PseudoContext) {
  struct Row {
    const char* name;
    const char* unit;
  };
  constexpr Row kRows[kResourceLimitCount] = {
      {"Max cpu time", "seconds"},       {"Max file size", "bytes"},        {"Max data size", "bytes"},
      {"Max stack size", "bytes"},       {"Max core file size", "bytes"},   {"Max resident set", "bytes"},
      {"Max processes", "processes"},    {"Max open files", "files"},       {"Max locked memory", "bytes"},
      {"Max address space", "bytes"},    {"Max file locks", "locks"},       {"Max pending signals", "signals"},
      {"Max msgqueue size", "bytes"},    {"Max nice priority", ""},         {"Max realtime priority", ""},
      {"Max realtime timeout", "us"},
  };
  out.print("%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (unsigned i = 0; i < kResourceLimitCount; ++i) {
    auto limit = resource_limit(i);
    if (!limit.ok()) continue;
    out.print("%-25s ", kRows[i].name);
    for (const std::uint64_t value : {limit.value().soft, limit.value().hard}) {
      if (value == ~std::uint64_t{0}) out.print("%-20s ", "unlimited");
      else out.print("%-20lu ", number(value));
    }
    out.print("%-10s\n", kRows[i].unit);
  }
  return {};
}

Result<void> print_coredump_filter(TextSink& out, PseudoContext) {
  out.print("%08x\n", coredump_filter.load(std::memory_order_relaxed));
  return {};
}

// A number as echo and HotSpot write it: decimal, or hexadecimal after 0x; a newline may follow.
Result<std::int64_t> parse_written(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::int64_t base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  if (text.empty()) return Errno::kEINVAL;
  std::int64_t value = 0;
  for (const char c : text) {
    std::int64_t digit = base;
    if (c >= '0' && c <= '9') digit = c - '0';
    else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit >= base) return Errno::kEINVAL;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value)) {
      return Errno::kERANGE;
    }
  }
  return negative ? -value : value;
}

Result<void> set_coredump_filter(std::string_view text, PseudoContext) {
  const std::int64_t value = TRY(parse_written(text));
  if (value < 0 || value > 0xffffffff) return Errno::kEINVAL;
  constexpr std::int64_t kKnown = 0x1ff;
  coredump_filter.store(static_cast<std::uint32_t>(value & kKnown), std::memory_order_relaxed);
  return {};
}

Result<void> print_adjustment(TextSink& out, PseudoContext) {
  out.print("%d\n", out_of_memory_adjustment.load(std::memory_order_relaxed));
  return {};
}

Result<void> set_adjustment(std::string_view text, PseudoContext) {
  constexpr std::int64_t kMost = 1000;
  const std::int64_t value = TRY(parse_written(text));
  if (value < -kMost || value > kMost) return Errno::kEINVAL;
  out_of_memory_adjustment.store(static_cast<std::int32_t>(value), std::memory_order_relaxed);
  return {};
}

Result<RefPtr<Dentry>> follow_executable(PseudoContext) {
  RefPtr<Dentry> executable = process_info().executable;
  if (!executable) return Errno::kENOENT;
  return executable;
}
Result<RefPtr<Dentry>> follow_current(PseudoContext) { return current_directory(); }
Result<RefPtr<Dentry>> follow_root(PseudoContext) { return root_directory(); }

// /proc/<pid>/task
Result<PseudoContext> find_thread(std::string_view name, PseudoContext) {
  std::uint64_t tid = 0;
  if (!parse_number(name, tid) || !find_task(static_cast<ThreadId>(tid))) return Errno::kENOENT;
  return PseudoContext{tid, 0};
}

Result<void> list_threads(PseudoContext, std::uint64_t first,
                          bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor) {
  // Gathered first: the table is a spinlock's.
  struct Gather {
    Vector<ThreadId> ids;
    std::uint64_t first;
    Result<void> outcome;
  } gather{{}, first, {}};
  for_each_task(
      [](Task& task, void* context) {
        auto& g = *static_cast<Gather*>(context);
        if (g.outcome.ok() && static_cast<std::uint64_t>(task.tid()) >= g.first) g.outcome = g.ids.push_back(task.tid());
      },
      &gather);
  TRY(std::move(gather.outcome));
  for (const ThreadId id : gather.ids) {
    char name[16];
    const std::size_t size = format_to(name, sizeof name, "%d", id);
    if (!visit(static_cast<std::uint64_t>(id), {name, size}, visitor)) break;
  }
  return {};
}

// There is one namespace of each kind. The numbers are those that Linux gives the first.
constexpr PseudoEntry kNamespaces[] = {
    pseudo_text_link("cgroup", "cgroup:[4026531835]"), pseudo_text_link("ipc", "ipc:[4026531839]"),
    pseudo_text_link("mnt", "mnt:[4026531841]"),       pseudo_text_link("net", "net:[4026531840]"),
    pseudo_text_link("pid", "pid:[4026531836]"),       pseudo_text_link("pid_for_children", "pid:[4026531836]"),
    pseudo_text_link("time", "time:[4026531834]"),     pseudo_text_link("time_for_children", "time:[4026531834]"),
    pseudo_text_link("user", "user:[4026531837]"),     pseudo_text_link("uts", "uts:[4026531838]"),
    kPseudoEnd,
};

constexpr PseudoEntry kThreadDirectory = pseudo_directory("", kThreadEntries);
constexpr PseudoDynamic kThreads{find_thread, list_threads, &kThreadDirectory};

}  // namespace

Result<RefPtr<Task>> task_of(PseudoContext context) {
  RefPtr<Task> task = find_task(static_cast<ThreadId>(context.a));
  if (!task) return Errno::kESRCH;
  return task;
}

constexpr PseudoEntry kThreadEntries[] = {
    pseudo_file("cmdline", print_cmdline),
    pseudo_file("comm", print_comm, 0644, set_comm),
    pseudo_object_link("cwd", follow_current),
    pseudo_file("environ", print_environ, 0400),
    pseudo_object_link("exe", follow_executable),
    pseudo_directory("fd", nullptr, &kDescriptorLinks, 0500),
    pseudo_directory("fdinfo", nullptr, &kDescriptorInformation, 0555),
    pseudo_file("io", print_thread_io, 0400),
    pseudo_file("maps", print_maps),
    pseudo_directory("net", kNetworkEntries),
    pseudo_directory("ns", kNamespaces, nullptr, 0511),
    pseudo_file("numa_maps", print_numa_maps),
    pseudo_table("pagemap", read_pagemap, 0400),
    pseudo_object_link("root", follow_root),
    pseudo_file("sched", print_sched),
    pseudo_file("schedstat", print_schedule_statistics),
    pseudo_file("smaps", print_smaps),
    pseudo_file("stack", print_kernel_stack, 0400),
    pseudo_file("stat", print_thread_stat),
    pseudo_file("statm", print_statm),
    pseudo_file("status", print_status),
    pseudo_file("syscall", print_system_call, 0400),
    pseudo_file("wchan", print_wait_channel),
    kPseudoEnd,
};

constexpr PseudoEntry kProcessEntries[] = {
    pseudo_file("auxv", print_auxv, 0400),
    pseudo_text("cgroup", "0::/\n"),
    pseudo_file("cmdline", print_cmdline),
    pseudo_file("comm", print_comm, 0644, set_comm),
    pseudo_file("coredump_filter", print_coredump_filter, 0644, set_coredump_filter),
    pseudo_object_link("cwd", follow_current),
    pseudo_file("environ", print_environ, 0400),
    pseudo_object_link("exe", follow_executable),
    pseudo_directory("fd", nullptr, &kDescriptorLinks, 0500),
    pseudo_directory("fdinfo", nullptr, &kDescriptorInformation, 0555),
    pseudo_file("io", print_process_io, 0400),
    pseudo_file("limits", print_limits),
    pseudo_text("loginuid", "4294967295", 0644),
    pseudo_file("maps", print_maps),
    pseudo_file("mountinfo", print_mountinfo),
    pseudo_file("mounts", print_mounts),
    pseudo_directory("net", kNetworkEntries),
    pseudo_directory("ns", kNamespaces, nullptr, 0511),
    pseudo_file("numa_maps", print_numa_maps),
    pseudo_text("oom_score", "0\n"),
    pseudo_file("oom_score_adj", print_adjustment, 0644, set_adjustment),
    pseudo_table("pagemap", read_pagemap, 0400),
    pseudo_object_link("root", follow_root),
    pseudo_file("sched", print_sched),
    pseudo_file("schedstat", print_schedule_statistics),
    pseudo_text("setgroups", "allow\n", 0644),
    pseudo_file("smaps", print_smaps),
    pseudo_file("smaps_rollup", print_smaps_rollup),
    pseudo_file("stack", print_kernel_stack, 0400),
    pseudo_file("stat", print_process_stat),
    pseudo_file("statm", print_statm),
    pseudo_file("status", print_status),
    pseudo_file("syscall", print_system_call, 0400),
    pseudo_directory("task", nullptr, &kThreads),
    pseudo_text("uid_map", "         0          0 4294967295\n"),
    pseudo_text("gid_map", "         0          0 4294967295\n"),
    pseudo_file("wchan", print_wait_channel),
    kPseudoEnd,
};

}  // namespace mokapot::proc_nodes
