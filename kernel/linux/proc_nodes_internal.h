// SPDX-License-Identifier: Apache-2.0
//
// The tables that proc_nodes*.cc give each other.
#pragma once

#include "fs/pseudo.h"
#include "irq/irq.h"
#include "process/task.h"

namespace mokapot::proc_nodes {

// For "%lu".
constexpr unsigned long number(std::uint64_t value) { return static_cast<unsigned long>(value); }

// proc_nodes_process.cc: context.a is a thread id.
extern const PseudoEntry kProcessEntries[];
extern const PseudoEntry kThreadEntries[];
Result<RefPtr<Task>> task_of(PseudoContext context);  // kESRCH
// proc_nodes_descriptors.cc
extern const PseudoDynamic kDescriptorLinks;
extern const PseudoDynamic kDescriptorInformation;
// proc_nodes_sys.cc: /proc/sys
extern const PseudoEntry kSysctlEntries[];
// proc_nodes_cache.cc: /sys/devices/system/cpu/cpu<context.a>/cache
extern const PseudoDynamic kCpuCaches;
// proc_nodes_network.cc: /proc/net
extern const PseudoEntry kNetworkEntries[];
// proc_nodes_net.cc: what stands in it, and /sys/class/net
Result<void> print_net_devices(TextSink& out, PseudoContext);
Result<void> print_if_inet6(TextSink& out, PseudoContext);
Result<void> print_net_routes(TextSink& out, PseudoContext);
Result<void> print_net_tcp(TextSink& out, PseudoContext);
Result<void> print_net_tcp6(TextSink& out, PseudoContext);
Result<void> print_net_udp(TextSink& out, PseudoContext);
Result<void> print_net_udp6(TextSink& out, PseudoContext);
extern const PseudoDynamic kNetDevices;
// proc_nodes_neighbours.cc: who is near, and the ways there
Result<void> print_arp(TextSink& out, PseudoContext);
Result<void> print_ipv6_routes(TextSink& out, PseudoContext);
// proc_nodes_snmp.cc: snmp, snmp6, netstat, sockstat, sockstat6
Result<void> print_protocol_statistics(TextSink& out, PseudoContext);
Result<void> print_more_statistics(TextSink& out, PseudoContext);
Result<void> print_socket_statistics(TextSink& out, PseudoContext);
Result<void> print_protocol6_statistics(TextSink& out, PseudoContext);
Result<void> print_socket6_statistics(TextSink& out, PseudoContext);
// proc_nodes_sysfs.cc, proc_nodes_cgroup.cc: roots
extern const PseudoEntry kSysfsRoot;
extern const PseudoEntry kCgroupRoot;

// proc_nodes_memory.cc
Result<void> print_maps(TextSink& out, PseudoContext);
Result<void> print_smaps(TextSink& out, PseudoContext);
Result<void> print_smaps_rollup(TextSink& out, PseudoContext);
Result<void> print_statm(TextSink& out, PseudoContext);
Result<void> print_meminfo(TextSink& out, PseudoContext);
// proc_nodes_pagemap.cc
Result<std::size_t> read_pagemap(IoBuffer& into, std::uint64_t offset, PseudoContext);
// Pages of 2 MiB for MAP_HUGETLB: all, and those of them that belong to mappings but are not populated.
struct HugeTlbPages {
  unsigned long total, reserved;
};
HugeTlbPages huge_tlb_pages();
// proc_nodes_threads.cc
Result<void> print_system_call(TextSink& out, PseudoContext);
Result<void> print_kernel_stack(TextSink& out, PseudoContext);
Result<void> print_wait_channel(TextSink& out, PseudoContext);
Result<void> print_all_threads(TextSink& out, PseudoContext);
// proc_nodes_system.cc
Result<void> print_cpuinfo(TextSink& out, PseudoContext);
Result<void> print_stat(TextSink& out, PseudoContext);
Result<void> print_uptime(TextSink& out, PseudoContext);
Result<void> print_load_average(TextSink& out, PseudoContext);
Result<void> print_mounts(TextSink& out, PseudoContext);
Result<void> print_mountinfo(TextSink& out, PseudoContext);

// Pages of a range of the application's that have a frame, in bytes.
Result<std::uint64_t> resident_bytes(VirtAddr begin, VirtAddr end);
// proc_nodes_statistics.cc
Result<void> print_vmstat(TextSink& out, PseudoContext);
Result<void> print_zoneinfo(TextSink& out, PseudoContext);
Result<void> print_process_io(TextSink& out, PseudoContext);
Result<void> print_thread_io(TextSink& out, PseudoContext);
Result<void> print_sched(TextSink& out, PseudoContext);
Result<void> print_schedule_statistics(TextSink& out, PseudoContext);
Result<void> print_numa_maps(TextSink& out, PseudoContext);
// proc_nodes_devices.cc
Result<void> print_disk_statistics(TextSink& out, PseudoContext);
Result<void> print_partitions(TextSink& out, PseudoContext);
Result<void> print_interrupts(TextSink& out, PseudoContext);
std::uint64_t interrupt_total();  // of all vectors and CPUs
extern const PseudoDynamic kDisks;      // /sys/block
extern const PseudoDynamic kDiskLinks;  // /sys/class/block

// Names that are plain numbers; false for anything else ("01" too).
bool parse_number(std::string_view text, std::uint64_t& number);
// CPU time in the unit of /proc: 1/100 s.
inline std::uint64_t clock_ticks(Duration time) {
  constexpr std::int64_t kTick = 10'000'000;
  return static_cast<std::uint64_t>(time.nanoseconds() / kTick);
}
inline unsigned cpu_count() { return static_cast<unsigned>(__builtin_popcountll(online_cpus())); }
// "0-3" for /sys and cgroups.
void print_cpu_list(TextSink& out);

}  // namespace mokapot::proc_nodes
