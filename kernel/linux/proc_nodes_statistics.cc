// SPDX-License-Identifier: Apache-2.0
//
// What memory and tasks have done: vmstat, zoneinfo, and of a process io, sched and numa_maps. Files of Linux's whose
// lines differ from one version to the next: readers look for the names that they know. What is not counted here is
// left out, and not said to be zero.

#include "base/vector.h"
#include "device/block_device.h"
#include "linux/proc_nodes_internal.h"
#include "memory/frames.h"
#include "vm/address_space.h"

namespace mokapot::proc_nodes {
namespace {

constexpr std::uint64_t kKib = 1024;

// One zone and one node, so vmstat and zoneinfo say the same of both.
void print_frame_uses(TextSink& out, const char* indent) {
  const FrameStatistics frames = frame_statistics();
  const auto used = [&frames](FrameUse use) { return frames.used_by[static_cast<std::size_t>(use)]; };
  const auto line = [&out, indent](const char* name, std::uint64_t value) {
    out.print("%s%s %lu\n", indent, name, number(value));
  };
  line("nr_free_pages", frames.free_frames);
  line("nr_anon_pages", used(FrameUse::kAnonymous));
  line("nr_mapped", address_space().statistics().resident_file / kPageSize);
  line("nr_file_pages", used(FrameUse::kPageCache) + used(FrameUse::kTmpfs));
  line("nr_dirty", 0);      // no file of a disk is written to
  line("nr_writeback", 0);
  line("nr_shmem", used(FrameUse::kTmpfs));
  line("nr_slab_unreclaimable", used(FrameUse::kHeap));
  line("nr_page_table_pages", used(FrameUse::kPageTable));
  line("nr_kernel_stack", used(FrameUse::kKernelStack) * (kPageSize / kKib));
}

void print_transfers(TextSink& out, const Task::Transfers& transfers) {
  out.print("rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", number(transfers.read_bytes),
            number(transfers.written_bytes), number(transfers.reads), number(transfers.writes));
  // There is one process, so what disks have moved was moved for it.
  out.print("read_bytes: %lu\nwrite_bytes: %lu\ncancelled_write_bytes: 0\n", number(block_bytes(BlockRequest::Kind::kRead)),
            number(block_bytes(BlockRequest::Kind::kWrite)));
}

// A line of numa_maps without its count of pages, which is found when the address space's lock is free again.
struct Range {
  VirtAddr begin, end;
  std::size_t text_end;  // in the lines
  bool anonymous, huge_tlb;
};
struct Ranges {
  Vector<Range> ranges;
  TextSink lines;
  Result<void> outcome;
};

void add_range(const AddressSpace::RegionInformation& region, void* context) {
  auto& gathered = *static_cast<Ranges*>(context);
  if (!gathered.outcome.ok()) return;
  gathered.lines.print("%08lx default", number(region.begin.value()));
  char path[512];
  if (region.source != nullptr) {
    std::size_t size = region.source->describe(path, sizeof path);
    if (size >= sizeof path) size = sizeof path - 1;
    if (size > 0) gathered.lines.print(" file=%.*s", static_cast<int>(size), path);
  } else if (region.name != nullptr) {
    const std::string_view name = region.name;
    if (name == "[heap]") gathered.lines.write(" heap");
    if (name == "[stack]") gathered.lines.write(" stack");
  }
  gathered.outcome = gathered.ranges.push_back({region.begin, region.end, gathered.lines.view().size(),
                                                region.source == nullptr, region.huge_tlb});
}

}  // namespace

Result<void> print_vmstat(TextSink& out, PseudoContext) {
  print_frame_uses(out, "");
  const AddressSpace::Statistics memory = address_space().statistics();
  out.print("pgpgin %lu\npgpgout %lu\npswpin 0\npswpout 0\npgfault %lu\npgmajfault %lu\n",
            number(block_bytes(BlockRequest::Kind::kRead) / kKib), number(block_bytes(BlockRequest::Kind::kWrite) / kKib),
            number(memory.faults_minor + memory.faults_major), number(memory.faults_major));
  return {};
}

Result<void> print_zoneinfo(TextSink& out, PseudoContext) {
  const FrameStatistics frames = frame_statistics();
  out.write("Node 0, zone   Normal\n  per-node stats\n");
  print_frame_uses(out, "      ");
  // Memory is reclaimed when there is none, and not by watermarks.
  out.print("  pages free     %lu\n        boost    0\n        min      0\n        low      0\n        high     0\n",
            number(frames.free_frames));
  out.print("        spanned  %lu\n        present  %lu\n        managed  %lu\n        cma      0\n",
            number(frames.total_frames), number(frames.total_frames), number(frames.total_frames));
  out.print("      nr_free_pages %lu\n  node_unreclaimable:  0\n  start_pfn:           0\n", number(frames.free_frames));
  return {};
}

Result<void> print_process_io(TextSink& out, PseudoContext) {
  print_transfers(out, process_transfers());
  return {};
}

Result<void> print_thread_io(TextSink& out, PseudoContext context) {
  print_transfers(out, TRY(task_of(context))->transfers());
  return {};
}

Result<void> print_sched(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  constexpr std::int64_t kMillisecond = 1'000'000;
  constexpr int kNeutralPriority = 120;
  const std::int64_t ran = task->cpu_time().nanoseconds();
  out.print("%s (%d, #threads: %u)\n", task->name(), task->tid(), task_count());
  out.write("-------------------------------------------------------------------\n");
  out.print("%-44s:%14ld.%06ld\n", "se.sum_exec_runtime", static_cast<long>(ran / kMillisecond),
            static_cast<long>(ran % kMillisecond));
  const auto line = [&out](const char* name, std::int64_t value) {
    out.print("%-44s:%21ld\n", name, static_cast<long>(value));
  };
  const auto voluntary = static_cast<std::int64_t>(task->voluntary_switches());
  const auto forced = static_cast<std::int64_t>(task->forced_switches());
  line("nr_switches", voluntary + forced);
  line("nr_voluntary_switches", voluntary);
  line("nr_involuntary_switches", forced);
  line("policy", static_cast<int>(task->scheduling_policy()));
  line("prio", kNeutralPriority + task->nice());
  return {};
}

// CPU time, time of waiting for a CPU, and how often it got one.
Result<void> print_schedule_statistics(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  out.print("%ld %ld %lu\n", static_cast<long>(task->cpu_time().nanoseconds()),
            static_cast<long>(task->waited_for_cpu().nanoseconds()),
            number(task->voluntary_switches() + task->forced_switches() + 1));
  return {};
}

Result<void> print_numa_maps(TextSink& out, PseudoContext) {
  Ranges gathered;
  address_space().for_each_region(add_range, &gathered);
  TRY(std::move(gathered.outcome));
  if (gathered.lines.failed()) return Errno::kENOMEM;
  const std::string_view lines = gathered.lines.view();
  std::size_t at = 0;
  for (const Range& range : gathered.ranges) {
    out.write(lines.substr(at, range.text_end - at));
    at = range.text_end;
    const std::uint64_t page_size = range.huge_tlb ? kHugePageSize : kPageSize;
    const std::uint64_t pages = TRY(resident_bytes(range.begin, range.end)) / page_size;
    if (range.huge_tlb) out.write(" huge");
    if (pages != 0 && range.anonymous) out.print(" anon=%lu dirty=%lu", number(pages), number(pages));
    if (pages != 0 && !range.anonymous) out.print(" mapped=%lu", number(pages));
    if (pages != 0) out.print(" N0=%lu", number(pages));
    out.print(" kernelpagesize_kB=%lu\n", number(page_size / kKib));
  }
  return {};
}

}  // namespace mokapot::proc_nodes
