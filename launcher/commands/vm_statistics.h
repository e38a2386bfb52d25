// SPDX-License-Identifier: Apache-2.0
//
// What a VM takes and does, put together from the host's /proc, the guest's, and the JVM's own
// words. The guest's and the JVM's text may hold anything; what is not found there is not known.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace moka {

struct HostUse {
  std::uint64_t resident_bytes = 0;
  std::uint64_t cpu_milliseconds = 0;
};
// Of a process and all below it.
HostUse host_use(pid_t process);

// Files of the guest's /proc by their names, out of the answer to contract::kToolProc.
std::map<std::string, std::string> proc_files(std::string_view answer);

// "MemFree:  123 kB" in bytes.
std::optional<std::uint64_t> memory_value(std::string_view meminfo, std::string_view name);

struct InterfaceCounters {
  std::uint64_t received_bytes = 0, received_packets = 0, receive_drops = 0;
  std::uint64_t sent_bytes = 0, sent_packets = 0, send_drops = 0;
};
// Of all interfaces but lo, from net/dev.
InterfaceCounters interface_counters(std::string_view net_dev);

// A column of net/netstat: "Firewall: TcpDropped UdpDropped\nFirewall: 1 2\n".
std::optional<std::uint64_t> netstat_value(std::string_view netstat, std::string_view protocol,
                                           std::string_view column);

struct HeapUse {
  std::uint64_t used_bytes = 0, committed_bytes = 0;
};
// From jcmd GC.heap_info, of whichever collector.
std::optional<HeapUse> heap_use(std::string_view heap_info);

}  // namespace moka
