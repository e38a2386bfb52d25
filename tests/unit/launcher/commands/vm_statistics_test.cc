// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/commands/vm_statistics.cc launcher/support/files.cc launcher/support/process_statistics.cc

#include "commands/vm_statistics.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace moka {
namespace {

constexpr std::uint64_t kKib = 1024;

TEST(VmStatistics, FilesOfTheGuestAreToldApart) {
  auto files = proc_files("== meminfo\nMemTotal:  8 kB\n== net/dev\nx\ny\n");
  EXPECT_EQ(files.size(), 2u);
  EXPECT_EQ(memory_value(files["meminfo"], "MemTotal"), 8 * kKib);
  EXPECT_EQ(memory_value(files["meminfo"], "MemFree"), std::nullopt);
  EXPECT_EQ(files["net/dev"].substr(0, 4), "x\ny\n");
  EXPECT_TRUE(proc_files("no header\n").empty());
}

TEST(VmStatistics, LoopbackIsNoTraffic) {
  const auto counters = interface_counters(
      "Inter-| Receive | Transmit\n face |bytes packets errs drop\n"
      "    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n  eth0:10 2 0 1 0 0 0 0 30 4 0 5 0 0 0 0\n"
      "  bad: 1 2\n");
  EXPECT_EQ(counters.received_bytes, 10u);
  EXPECT_EQ(counters.receive_drops, 1u);
  EXPECT_EQ(counters.sent_packets, 4u);
  EXPECT_EQ(counters.send_drops, 5u);
}

TEST(VmStatistics, ColumnsOfNetstatHaveNames) {
  const char* const text = "TcpExt: A B\nTcpExt: 1 2\nFirewall: TcpDropped UdpDropped\nFirewall: 3 4\n";
  EXPECT_EQ(netstat_value(text, "Firewall", "UdpDropped"), 4u);
  EXPECT_EQ(netstat_value(text, "TcpExt", "A"), 1u);
  EXPECT_EQ(netstat_value(text, "Firewall", "Other"), std::nullopt);
  EXPECT_EQ(netstat_value("Firewall: TcpDropped\n", "Firewall", "TcpDropped"), std::nullopt);
}

TEST(VmStatistics, HeapsOfAllCollectors) {
  const auto used = [](const char* text) {
    const auto heap = heap_use(text);
    return heap ? std::pair(heap->used_bytes / kKib, heap->committed_bytes / kKib)
                : std::pair<std::uint64_t, std::uint64_t>();
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(used(" garbage-first heap   total 32768K, used 1024K [0x0, 0x1)\n"
                 "  region size 1024K, 2 young (2048K), 0 survivors (0K)\n"
                 " Metaspace       used 100K, committed 320K, reserved 1056768K\n"
                 "  class space    used 4K, committed 64K\n"),
            Pair(1024, 32768));
  EXPECT_EQ(used(" def new generation   total 9792K, used 500K [0, 0)\n"
                 "  eden space 8704K,   5% used [0, 0)\n"
                 " tenured generation   total 21888K, used 10K [0, 0)\n"),
            Pair(510, 31680));
  EXPECT_EQ(used(" ZHeap           used 4M, capacity 8M, max capacity 128M\n"), Pair(4096, 8192));
  EXPECT_EQ(used("Shenandoah Heap\n 128M max, 128M soft max, 32M committed, 3072K used\n"),
            Pair(3072, 32768));
  EXPECT_FALSE(heap_use("nonsense total used\n"));
}

TEST(VmStatistics, AProcessHasMemory) { EXPECT_GT(host_use(::getpid()).resident_bytes, kKib); }

}  // namespace
}  // namespace moka
