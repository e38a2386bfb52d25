// SPDX-License-Identifier: Apache-2.0
//
// /proc/sys: the settings that programs look at. What Linux would let root change is kept if written and has no other
// effect, where that is harmless; the others are read-only.

#include "device/random.h"
#include "fs/process_info.h"
#include "linux/proc_nodes_internal.h"
#include "linux/system_version.h"
#include "process/descriptor_table.h"
#include "vm/address_space.h"

namespace mokapot::proc_nodes {
namespace {

Result<void> print_hostname(TextSink& out, PseudoContext) {
  const std::string_view name = process_info().hostname;
  out.print("%.*s\n", static_cast<int>(name.size()), name.data());
  return {};
}

void print_uuid(TextSink& out, const std::uint8_t (&b)[16]) {
  for (unsigned i = 0; i < 16; ++i) out.print(i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
  out.write("\n");
}

void make_uuid(std::uint8_t (&b)[16]) {
  random_bytes(b, sizeof b);
  b[6] = static_cast<std::uint8_t>((b[6] & 0x0f) | 0x40);  // RFC 4122: version 4
  b[8] = static_cast<std::uint8_t>((b[8] & 0x3f) | 0x80);
}

Result<void> print_random_uuid(TextSink& out, PseudoContext) {
  std::uint8_t bytes[16];
  make_uuid(bytes);
  print_uuid(out, bytes);
  return {};
}

Result<void> print_most_regions(TextSink& out, PseudoContext) {
  out.print("%lu\n", AddressSpace::kMaxRegions);
  return {};
}

// One for the life of the VM.
constinit SpinLock boot_id_lock{LockRank::kDentries};
std::uint8_t boot_id[16];  // guarded by boot_id_lock; all zero: not made yet

Result<void> print_boot_id(TextSink& out, PseudoContext) {
  std::uint8_t fresh[16], copy[16];
  make_uuid(fresh);
  {
    SpinGuard guard(boot_id_lock);
    if (boot_id[8] == 0) __builtin_memcpy(boot_id, fresh, sizeof boot_id);
    __builtin_memcpy(copy, boot_id, sizeof copy);
  }
  print_uuid(out, copy);
  return {};
}

Result<void> print_file_count(TextSink& out, PseudoContext) {
  unsigned open = 0;
  for (std::int32_t fd = next_descriptor(0); fd >= 0; fd = next_descriptor(fd + 1)) ++open;
  out.print("%u\t0\t9223372036854775807\n", open);
  return {};
}

constexpr PseudoEntry kRandom[] = {
    pseudo_file("boot_id", print_boot_id),
    pseudo_text("entropy_avail", "256\n"),
    pseudo_text("poolsize", "256\n"),
    pseudo_file("uuid", print_random_uuid),
    kPseudoEnd,
};

constexpr PseudoEntry kKernel[] = {
    pseudo_text("cap_last_cap", "40\n"),
    pseudo_text("core_pattern", "core\n"),
    pseudo_text("core_uses_pid", "0\n"),
    pseudo_text("domainname", "(none)\n"),
    pseudo_file("hostname", print_hostname),
    pseudo_text("ngroups_max", "65536\n"),
    pseudo_text("osrelease", MOKAPOT_SYSTEM_RELEASE "\n"),
    pseudo_text("ostype", "Linux\n"),
    pseudo_text("perf_event_paranoid", "4\n"),
    pseudo_text("pid_max", "4194304\n"),
    pseudo_directory("random", kRandom),
    pseudo_text("randomize_va_space", "2\n"),
    pseudo_text("sched_child_runs_first", "0\n"),
    pseudo_text("sem", "32000\t1024000000\t500\t32000\n"),
    pseudo_text("shmall", "18446744073692774399\n"),
    pseudo_text("shmmax", "18446744073692774399\n"),
    pseudo_text("shmmni", "4096\n"),
    pseudo_text("threads-max", "127000\n"),
    pseudo_text("version", MOKAPOT_SYSTEM_VERSION "\n"),
    kPseudoEnd,
};

constexpr PseudoEntry kVirtualMemory[] = {
    pseudo_text("drop_caches", "0\n"),
    pseudo_file("max_map_count", print_most_regions),
    pseudo_text("min_free_kbytes", "4096\n"),
    pseudo_text("mmap_min_addr", "65536\n"),
    pseudo_text("nr_hugepages", "0\n"),
    pseudo_text("nr_overcommit_hugepages", "0\n"),
    pseudo_text("overcommit_memory", "0\n"),
    pseudo_text("overcommit_ratio", "50\n"),
    pseudo_text("page-cluster", "3\n"),
    pseudo_text("swappiness", "60\n"),
    pseudo_text("vfs_cache_pressure", "100\n"),
    kPseudoEnd,
};

constexpr PseudoEntry kInotify[] = {
    pseudo_text("max_queued_events", "16384\n"),
    pseudo_text("max_user_instances", "128\n"),
    pseudo_text("max_user_watches", "65536\n"),
    kPseudoEnd,
};

constexpr PseudoEntry kEpoll[] = {pseudo_text("max_user_watches", "1048576\n"), kPseudoEnd};

constexpr PseudoEntry kFiles[] = {
    pseudo_text("aio-max-nr", "65536\n"),
    pseudo_directory("epoll", kEpoll),
    pseudo_text("file-max", "9223372036854775807\n"),
    pseudo_file("file-nr", print_file_count),
    pseudo_directory("inotify", kInotify),
    pseudo_text("nr_open", "1048576\n"),
    pseudo_text("pipe-max-size", "1048576\n"),
    kPseudoEnd,
};

constexpr PseudoEntry kNetworkCore[] = {
    pseudo_text("rmem_default", "212992\n"),
    pseudo_text("rmem_max", "212992\n"),
    pseudo_text("somaxconn", "4096\n"),
    pseudo_text("wmem_default", "212992\n"),
    pseudo_text("wmem_max", "212992\n"),
    kPseudoEnd,
};
constexpr PseudoEntry kIpv4[] = {
    pseudo_text("ip_local_port_range", "32768\t60999\n"),
    pseudo_text("tcp_fastopen", "0\n"),
    pseudo_text("tcp_fin_timeout", "60\n"),
    pseudo_text("tcp_keepalive_intvl", "75\n"),
    pseudo_text("tcp_keepalive_probes", "9\n"),
    pseudo_text("tcp_keepalive_time", "7200\n"),
    pseudo_text("tcp_max_syn_backlog", "4096\n"),
    pseudo_text("tcp_rmem", "4096\t131072\t6291456\n"),
    pseudo_text("tcp_wmem", "4096\t16384\t4194304\n"),
    kPseudoEnd,
};
// For each interface, and what holds for all: what programs ask to learn whether there is IPv6, and how an address comes.
constexpr PseudoEntry kIpv6Settings[] = {
    pseudo_text("accept_ra", "1\n"),
    pseudo_text("autoconf", "1\n"),
    pseudo_text("dad_transmits", "1\n"),
    pseudo_text("disable_ipv6", "0\n"),
    pseudo_text("forwarding", "0\n"),
    pseudo_text("hop_limit", "64\n"),
    pseudo_text("use_tempaddr", "0\n"),
    kPseudoEnd,
};
constexpr PseudoEntry kIpv6Interface = pseudo_directory("", kIpv6Settings);
const PseudoDynamic kIpv6Interfaces{
    [](std::string_view name, PseudoContext context) { return kNetDevices.find(name, context); },
    [](PseudoContext context, std::uint64_t first,
       bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor) {
      return kNetDevices.list(context, first, visit, visitor);
    },
    &kIpv6Interface};
constexpr PseudoEntry kIpv6Every[] = {
    pseudo_directory("all", kIpv6Settings),
    pseudo_directory("default", kIpv6Settings),
    kPseudoEnd,
};
const PseudoEntry kIpv6[] = {
    pseudo_text("bindv6only", "0\n"),
    pseudo_directory("conf", kIpv6Every, &kIpv6Interfaces),
    kPseudoEnd,
};
const PseudoEntry kNetwork[] = {
    pseudo_directory("core", kNetworkCore),
    pseudo_directory("ipv4", kIpv4),
    pseudo_directory("ipv6", kIpv6),
    kPseudoEnd,
};

}  // namespace

const PseudoEntry kSysctlEntries[] = {
    pseudo_directory("fs", kFiles),
    pseudo_directory("kernel", kKernel),
    pseudo_directory("net", kNetwork),
    pseudo_directory("vm", kVirtualMemory),
    kPseudoEnd,
};

}  // namespace mokapot::proc_nodes
