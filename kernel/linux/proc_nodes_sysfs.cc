// SPDX-License-Identifier: Apache-2.0
//
// /sys: processors, the one memory node, huge pages, network interfaces, disks.

#include "base/format.h"
#include "linux/proc_nodes_internal.h"
#include "memory/frames.h"

namespace mokapot::proc_nodes {
namespace {

Result<void> print_cpus(TextSink& out, PseudoContext) {
  print_cpu_list(out);
  return {};
}

void print_mask(TextSink& out, std::uint64_t mask) {
  const auto high = static_cast<std::uint32_t>(mask >> 32), low = static_cast<std::uint32_t>(mask);
  if (high != 0) out.print("%08x,", high);
  out.print("%08x\n", low);
}

Result<void> print_cpu_mask(TextSink& out, PseudoContext) {
  print_mask(out, online_cpus());
  return {};
}

Result<void> print_own_mask(TextSink& out, PseudoContext context) {
  print_mask(out, std::uint64_t{1} << context.a);
  return {};
}

Result<void> print_own_number(TextSink& out, PseudoContext context) {
  out.print("%lu\n", static_cast<unsigned long>(context.a));
  return {};
}

// Directories named like "cpu3": the numbers below count().
template <std::size_t kPrefix>
Result<PseudoContext> find_numbered(const char (&prefix)[kPrefix], std::string_view name, unsigned count) {
  std::uint64_t number = 0;
  if (!name.starts_with(prefix) || !parse_number(name.substr(kPrefix - 1), number) || number >= count) {
    return Errno::kENOENT;
  }
  return PseudoContext{number, 0};
}

Result<PseudoContext> find_cpu(std::string_view name, PseudoContext) { return find_numbered("cpu", name, cpu_count()); }

Result<void> list_cpus(PseudoContext, std::uint64_t first,
                       bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor) {
  for (std::uint64_t cpu = first; cpu < cpu_count(); ++cpu) {
    char name[16];
    const std::size_t size = format_to(name, sizeof name, "cpu%lu", static_cast<unsigned long>(cpu));
    if (!visit(cpu, {name, size}, visitor)) break;
  }
  return {};
}

constexpr PseudoEntry kTopology[] = {
    pseudo_file("core_cpus", print_own_mask),
    pseudo_file("core_id", print_own_number),
    pseudo_file("core_siblings", print_cpu_mask),
    pseudo_file("core_siblings_list", print_cpus),
    pseudo_text("physical_package_id", "0\n"),
    pseudo_file("thread_siblings", print_own_mask),
    pseudo_file("thread_siblings_list", print_own_number),
    kPseudoEnd,
};
// libudev, and OSHI by it, finds processors and disks by /sys/bus and /sys/class and asks each for its subsystem.
const PseudoEntry kCpuEntries[] = {
    pseudo_directory("cache", nullptr, &kCpuCaches),
    pseudo_text("online", "1\n"),
    pseudo_text_link("subsystem", "../../../../bus/cpu"),
    pseudo_directory("topology", kTopology),
    pseudo_text("uevent", "DRIVER=processor\n"),
    kPseudoEnd,
};
const PseudoEntry kCpu = pseudo_directory("", kCpuEntries);
constexpr PseudoDynamic kCpus{find_cpu, list_cpus, &kCpu};

Result<void> print_cpu_place(TextSink& out, PseudoContext context) {
  out.print("../../../devices/system/cpu/cpu%lu", number(context.a));
  return {};
}
constexpr PseudoEntry kCpuLink = pseudo_link("", print_cpu_place);
constexpr PseudoDynamic kCpuLinks{find_cpu, list_cpus, &kCpuLink};
constexpr PseudoEntry kCpuBus[] = {pseudo_directory("devices", nullptr, &kCpuLinks), kPseudoEnd};
constexpr PseudoEntry kBuses[] = {pseudo_directory("cpu", kCpuBus), kPseudoEnd};

constexpr PseudoEntry kCpuDirectory[] = {
    pseudo_text("isolated", "\n"),
    pseudo_text("kernel_max", "63\n"),
    pseudo_text("offline", "\n"),
    pseudo_file("online", print_cpus),
    pseudo_file("possible", print_cpus),
    pseudo_file("present", print_cpus),
    kPseudoEnd,
};

Result<void> print_node_meminfo(TextSink& out, PseudoContext) {
  constexpr std::uint64_t kPagesToKib = kPageSize / 1024;
  const FrameStatistics f = frame_statistics();
  const auto total = static_cast<unsigned long>(f.total_frames * kPagesToKib);
  const auto free = static_cast<unsigned long>(f.free_frames * kPagesToKib);
  out.print("Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\nNode 0 MemUsed:        %8lu kB\n", total,
            free, total - free);
  const HugeTlbPages huge = huge_tlb_pages();
  out.print("Node 0 HugePages_Total: %5lu\nNode 0 HugePages_Free:  %5lu\nNode 0 HugePages_Surp:  %5lu\n", huge.total,
            huge.reserved, huge.total);
  return {};
}

Result<void> print_huge_total(TextSink& out, PseudoContext) {
  out.print("%lu\n", huge_tlb_pages().total);
  return {};
}

Result<void> print_huge_reserved(TextSink& out, PseudoContext) {
  out.print("%lu\n", huge_tlb_pages().reserved);
  return {};
}

// Nobody has to set pages aside: mappings may take what memory there is.
Result<void> print_huge_overcommit(TextSink& out, PseudoContext) {
  out.print("%lu\n", static_cast<unsigned long>(frame_statistics().total_frames * kPageSize / kHugePageSize));
  return {};
}

constexpr PseudoEntry kHugeSize[] = {
    pseudo_file("free_hugepages", print_huge_reserved), pseudo_file("nr_hugepages", print_huge_total),
    pseudo_file("nr_overcommit_hugepages", print_huge_overcommit),
    pseudo_file("resv_hugepages", print_huge_reserved), pseudo_file("surplus_hugepages", print_huge_total), kPseudoEnd,
};
constexpr PseudoEntry kHugeSizes[] = {pseudo_directory("hugepages-2048kB", kHugeSize), kPseudoEnd};

constexpr PseudoEntry kNode0[] = {
    pseudo_file("cpulist", print_cpus),
    pseudo_file("cpumap", print_cpu_mask),
    pseudo_text("distance", "10\n"),
    pseudo_directory("hugepages", kHugeSizes),
    pseudo_file("meminfo", print_node_meminfo),
    kPseudoEnd,
};
constexpr PseudoEntry kNodes[] = {
    pseudo_text("has_cpu", "0\n"),
    pseudo_text("has_memory", "0\n"),
    pseudo_text("has_normal_memory", "0\n"),
    pseudo_directory("node0", kNode0),
    pseudo_text("online", "0\n"),
    pseudo_text("possible", "0\n"),
    kPseudoEnd,
};
constexpr PseudoEntry kSystem[] = {
    pseudo_directory("cpu", kCpuDirectory, &kCpus),
    pseudo_directory("node", kNodes),
    kPseudoEnd,
};
constexpr PseudoEntry kDevices[] = {pseudo_directory("system", kSystem), kPseudoEnd};

constexpr PseudoEntry kTransparent[] = {
    pseudo_text("defrag", "always defer defer+madvise [madvise] never\n"),
    pseudo_text("enabled", "always [madvise] never\n"),
    pseudo_text("hpage_pmd_size", "2097152\n"),
    pseudo_text("shmem_enabled", "always within_size [advise] never deny force\n"),
    pseudo_text("use_zero_page", "0\n"),
    kPseudoEnd,
};
constexpr PseudoEntry kMemory[] = {
    pseudo_directory("hugepages", kHugeSizes),
    pseudo_directory("transparent_hugepage", kTransparent),
    kPseudoEnd,
};
constexpr PseudoEntry kKernelEntries[] = {pseudo_directory("mm", kMemory), kPseudoEnd};

const PseudoEntry kClass[] = {
    pseudo_directory("block", nullptr, &kDiskLinks),
    pseudo_directory("net", nullptr, &kNetDevices),
    kPseudoEnd,
};
constexpr PseudoEntry kFileSystems[] = {pseudo_directory("cgroup", nullptr), kPseudoEnd};

const PseudoEntry kRootEntries[] = {
    pseudo_directory("block", nullptr, &kDisks),
    pseudo_directory("bus", kBuses),
    pseudo_directory("class", kClass),
    pseudo_directory("devices", kDevices),
    pseudo_directory("fs", kFileSystems),
    pseudo_directory("kernel", kKernelEntries),
    kPseudoEnd,
};

}  // namespace

constexpr PseudoEntry kSysfsRoot = pseudo_directory("", kRootEntries);

}  // namespace mokapot::proc_nodes
