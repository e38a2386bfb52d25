// SPDX-License-Identifier: Apache-2.0
//
// The root of /proc, and the boot step that publishes all the tables.

#include "linux/proc_nodes.h"

#include "base/format.h"
#include "base/number.h"
#include "fs/vfs.h"
#include "linux/proc_nodes_internal.h"
#include "linux/system_version.h"

namespace mokapot {
namespace proc_nodes {

bool parse_number(std::string_view text, std::uint64_t& number) {
  constexpr std::size_t kMostDigits = 9;
  if (text.empty() || text.size() > kMostDigits || (text.size() > 1 && text.front() == '0')) return false;
  const std::optional<std::uint64_t> parsed = parse_decimal(text);
  number = parsed.value_or(0);
  return parsed.has_value();
}

namespace {

Result<void> print_self(TextSink& out, PseudoContext) {
  out.print("%d", kProcessId);
  return {};
}

Result<void> print_thread_self(TextSink& out, PseudoContext) {
  out.print("%d/task/%d", kProcessId, current_is_task() ? current_task().tid() : kProcessId);
  return {};
}

// Threads can be entered by their id, as on Linux, but only the process is listed.
Result<PseudoContext> find_process(std::string_view name, PseudoContext) {
  std::uint64_t id = 0;
  if (!parse_number(name, id) || !find_task(static_cast<ThreadId>(id))) return Errno::kENOENT;
  return PseudoContext{id, 0};
}

Result<void> list_processes(PseudoContext, std::uint64_t first,
                            bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor) {
  if (first > static_cast<std::uint64_t>(kProcessId)) return {};
  char name[16];
  const std::size_t size = format_to(name, sizeof name, "%d", kProcessId);
  visit(static_cast<std::uint64_t>(kProcessId), {name, size}, visitor);
  return {};
}

constexpr PseudoEntry kProcess = pseudo_directory("", kProcessEntries);
constexpr PseudoDynamic kProcesses{find_process, list_processes, &kProcess};

// What Linux has not: for moka's tools.
constexpr PseudoEntry kOwnEntries[] = {
    pseudo_file("threads", print_all_threads, 0400),
    kPseudoEnd,
};

constexpr PseudoEntry kRootEntries[] = {
    // Hierarchy 0 throughout: cgroup v2.
    pseudo_text("cgroups",
                "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\ncpu\t0\t1\t1\ncpuacct\t0\t1\t1\n"
                "io\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n"),
    pseudo_text("cmdline", "\n"),
    pseudo_file("cpuinfo", print_cpuinfo),
    pseudo_text("devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n136 pts\n\nBlock devices:\n"),
    pseudo_file("diskstats", print_disk_statistics),
    pseudo_text("filesystems", "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\toverlay\n\terofs\n"),
    pseudo_file("interrupts", print_interrupts),
    pseudo_file("loadavg", print_load_average),
    pseudo_file("meminfo", print_meminfo),
    pseudo_text("modules", ""),
    pseudo_directory("mokapot", kOwnEntries),
    pseudo_text_link("mounts", "self/mounts"),
    pseudo_file("partitions", print_partitions),
    pseudo_link("self", print_self),
    pseudo_file("stat", print_stat),
    pseudo_text("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    pseudo_text_link("net", "self/net"),
    pseudo_directory("sys", kSysctlEntries),
    pseudo_link("thread-self", print_thread_self),
    pseudo_file("uptime", print_uptime),
    pseudo_text("version", "Linux version " MOKAPOT_SYSTEM_RELEASE " (mokapot) " MOKAPOT_SYSTEM_VERSION "\n"),
    pseudo_file("vmstat", print_vmstat),
    pseudo_file("zoneinfo", print_zoneinfo),
    kPseudoEnd,
};
constexpr PseudoEntry kProcRoot = pseudo_directory("", kRootEntries, &kProcesses);

}  // namespace
}  // namespace proc_nodes

Result<void> install_proc_nodes() {
  set_proc_root(&proc_nodes::kProcRoot);
  set_sys_root(&proc_nodes::kSysfsRoot);
  set_cgroup_root(&proc_nodes::kCgroupRoot);
  return mount_cgroup();
}

}  // namespace mokapot
