// SPDX-License-Identifier: Apache-2.0
//
// Files in /proc about memory: meminfo, and the process's maps, smaps and statm.

#include "base/format.h"
#include "base/vector.h"
#include "fs/page_cache.h"
#include "linux/proc_nodes_internal.h"
#include "memory/frames.h"
#include "vm/address_space.h"
#include "vm/huge_pool.h"
#include "vm/pressure.h"

namespace mokapot::proc_nodes {
namespace {

constexpr std::uint64_t kPagesToKib = kPageSize / 1024;

unsigned long kib(std::uint64_t bytes) { return static_cast<unsigned long>(bytes / 1024); }

// One line of maps; paths begin in column 74, as Linux pads them.
void print_region(TextSink& out, const AddressSpace::RegionInformation& region) {
  char line[128];
  char access[] = "---p";
  if (permits(region.protection, Protection::kRead)) access[0] = 'r';
  if (permits(region.protection, Protection::kWrite)) access[1] = 'w';
  if (permits(region.protection, Protection::kExecute)) access[2] = 'x';
  if (region.sharing == Sharing::kShared) access[3] = 's';
  PageSource::Identity identity{0, 0};
  char path[512] = "";
  std::size_t path_size = 0;
  if (region.source != nullptr) {
    identity = region.source->identity();
    path_size = region.source->describe(path, sizeof path);
    if (path_size >= sizeof path) path_size = sizeof path - 1;
  } else if (region.name != nullptr) {
    path_size = format_to(path, sizeof path, "%s", region.name);
  }
  const std::size_t size = format_to(
      line, sizeof line, "%08lx-%08lx %s %08lx %02lx:%02lx %lu ", static_cast<unsigned long>(region.begin.value()),
      static_cast<unsigned long>(region.end.value()), access, static_cast<unsigned long>(region.source_offset),
      static_cast<unsigned long>(identity.device >> 8 & 0xfff), static_cast<unsigned long>(identity.device & 0xff),
      static_cast<unsigned long>(identity.inode));
  out.write({line, size});
  if (path_size > 0) {
    constexpr std::size_t kPathColumn = 73;
    for (std::size_t at = size; at < kPathColumn; ++at) out.write(" ");
    out.write({path, path_size});
  }
  out.write("\n");
}

struct RegionRange {
  VirtAddr begin, end;
};

// The regions as they are now, each with its maps line: gathered first, since looking for their pages takes the
// address space's lock again.
struct Listing {
  Vector<RegionRange> ranges;
  struct Kind {
    bool anonymous, shared, huge_tlb;
    Protection protection;
  };
  Vector<Kind> kinds;
  TextSink lines;
  Result<void> outcome;
};

Result<void> list_regions(Listing& listing) {
  address_space().for_each_region(
      [](const AddressSpace::RegionInformation& region, void* context) {
        auto& l = *static_cast<Listing*>(context);
        if (!l.outcome.ok()) return;
        print_region(l.lines, region);
        l.outcome = l.ranges.push_back({region.begin, region.end});
        if (l.outcome.ok()) l.outcome = l.kinds.push_back({region.source == nullptr, region.sharing == Sharing::kShared,
                                                             region.huge_tlb, region.protection});
      },
      &listing);
  TRY(std::move(listing.outcome));
  if (listing.lines.failed()) return Errno::kENOMEM;
  return {};
}

// huge: of MAP_HUGETLB, which Linux leaves out of Rss.
void print_smaps_values(TextSink& out, std::uint64_t resident, std::uint64_t anonymous, std::uint64_t huge) {
  out.print("Rss:            %8lu kB\nPss:            %8lu kB\n", kib(resident), kib(resident));
  out.print("Shared_Clean:          0 kB\nShared_Dirty:          0 kB\nPrivate_Clean:  %8lu kB\nPrivate_Dirty:  %8lu kB\n",
            kib(resident - anonymous), kib(anonymous));
  out.print("Referenced:     %8lu kB\nAnonymous:      %8lu kB\nLazyFree:              0 kB\nAnonHugePages:         0 kB\n",
            kib(resident), kib(anonymous));
  out.write("ShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\nShared_Hugetlb:        0 kB\n");
  out.print("Private_Hugetlb:%8lu kB\nSwap:                  0 kB\nSwapPss:               0 kB\nLocked:                0 kB\n",
            kib(huge));
}

}  // namespace

// By mincore's own means.
Result<std::uint64_t> resident_bytes(VirtAddr begin, VirtAddr end) {
  constexpr std::uint64_t kChunk = 2048;  // pages
  Vector<std::uint8_t> vector;
  TRY(vector.resize(kChunk));
  std::uint64_t pages = 0;
  for (VirtAddr at = begin; at < end;) {
    const std::uint64_t left = end - at;
    const std::uint64_t size = left < kChunk * kPageSize ? left : kChunk * kPageSize;
    // The region may be gone by now; then nothing of it is resident.
    if (!address_space().residency(at, size, vector.data()).ok()) break;
    for (std::uint64_t i = 0; i < size / kPageSize; ++i) pages += vector[i] & 1;
    at += size;
  }
  return pages * kPageSize;
}

Result<void> print_maps(TextSink& out, PseudoContext) {
  address_space().for_each_region(
      [](const AddressSpace::RegionInformation& region, void* sink) {
        print_region(*static_cast<TextSink*>(sink), region);
      },
      &out);
  return {};
}

HugeTlbPages huge_tlb_pages() {
  const FrameStatistics f = frame_statistics();
  return {static_cast<unsigned long>(f.used_by[static_cast<std::size_t>(FrameUse::kHugeTlb)] / kPagesOfBlock),
          static_cast<unsigned long>(huge_pool_free())};
}

Result<void> print_smaps(TextSink& out, PseudoContext) {
  Listing listing;
  TRY(list_regions(listing));
  std::string_view lines = listing.lines.view();
  for (std::size_t i = 0; i < listing.ranges.size(); ++i) {
    const std::size_t end = lines.find('\n') + 1;
    out.write(lines.substr(0, end));
    lines.remove_prefix(end);
    const std::uint64_t resident = TRY(resident_bytes(listing.ranges[i].begin, listing.ranges[i].end));
    const Listing::Kind& kind = listing.kinds[i];
    const unsigned page_kib = kind.huge_tlb ? kHugePageSize / 1024 : kPageSize / 1024;
    out.print("Size:           %8lu kB\nKernelPageSize:     %4u kB\nMMUPageSize:        %4u kB\n",
              kib(listing.ranges[i].end - listing.ranges[i].begin), page_kib, page_kib);
    print_smaps_values(out, kind.huge_tlb ? 0 : resident, kind.anonymous && !kind.huge_tlb ? resident : 0,
                       kind.huge_tlb ? resident : 0);
    out.print("THPeligible:           0\nVmFlags:%s%s%s%s mr mw me%s\n", permits(kind.protection, Protection::kRead) ? " rd" : "",
              permits(kind.protection, Protection::kWrite) ? " wr" : "",
              permits(kind.protection, Protection::kExecute) ? " ex" : "", kind.shared ? " sh" : "",
              kind.huge_tlb ? " ht" : "");
  }
  return {};
}

Result<void> print_smaps_rollup(TextSink& out, PseudoContext) {
  const AddressSpace::Statistics s = address_space().statistics();
  out.print("%08lx-%08lx ---p 00000000 00:00 0                          [rollup]\n",
            static_cast<unsigned long>(kApplicationBegin), static_cast<unsigned long>(kApplicationEnd));
  print_smaps_values(out, s.resident_anonymous + s.resident_file + s.resident_shared, s.resident_anonymous, 0);
  return {};
}

Result<void> print_statm(TextSink& out, PseudoContext) {
  const AddressSpace::Statistics s = address_space().statistics();
  const auto pages = [](std::uint64_t bytes) { return static_cast<unsigned long>(bytes / kPageSize); };
  out.print("%lu %lu %lu 0 0 %lu 0\n", pages(s.mapped_bytes),
            pages(s.resident_anonymous + s.resident_file + s.resident_shared), pages(s.resident_file + s.resident_shared),
            pages(s.mapped_bytes));
  return {};
}

Result<void> print_meminfo(TextSink& out, PseudoContext) {
  const FrameStatistics f = frame_statistics();
  const auto used = [&f](FrameUse use) {
    return static_cast<unsigned long>(f.used_by[static_cast<std::size_t>(use)] * kPagesToKib);
  };
  const unsigned long free = static_cast<unsigned long>(f.free_frames * kPagesToKib);
  const unsigned long cached = used(FrameUse::kPageCache), shared = used(FrameUse::kTmpfs);
  const auto reclaimable = static_cast<unsigned long>(reclaimable_frames() * kPagesToKib);
  const auto line = [&out](const char* name, unsigned long value) { out.print("%-16s%8lu kB\n", name, value); };
  line("MemTotal:", static_cast<unsigned long>(f.total_frames * kPagesToKib));
  line("MemFree:", free);
  line("MemAvailable:", free + reclaimable);
  line("Buffers:", 0);
  line("Cached:", cached + shared);
  line("SwapCached:", 0);
  line("Active:", used(FrameUse::kAnonymous));
  line("Inactive:", cached);
  line("Active(anon):", used(FrameUse::kAnonymous));
  line("Inactive(anon):", 0);
  line("Active(file):", 0);
  line("Inactive(file):", cached);
  line("Unevictable:", shared);
  line("Mlocked:", 0);
  line("SwapTotal:", 0);
  line("SwapFree:", 0);
  line("Dirty:", 0);
  line("Writeback:", 0);
  line("AnonPages:", used(FrameUse::kAnonymous));
  line("Mapped:", static_cast<unsigned long>(address_space().statistics().resident_file / 1024));
  line("Shmem:", shared);
  line("KReclaimable:", 0);
  line("Slab:", used(FrameUse::kHeap));
  line("SReclaimable:", 0);
  line("SUnreclaim:", used(FrameUse::kHeap));
  line("KernelStack:", used(FrameUse::kKernelStack));
  line("PageTables:", used(FrameUse::kPageTable));
  line("NFS_Unstable:", 0);
  line("Bounce:", 0);
  line("WritebackTmp:", 0);
  line("CommitLimit:", static_cast<unsigned long>(f.total_frames * kPagesToKib / 2));
  line("Committed_AS:", used(FrameUse::kAnonymous) + shared);
  out.print("VmallocTotal:   34359738367 kB\n");
  line("VmallocUsed:", used(FrameUse::kKernel));
  line("VmallocChunk:", 0);
  constexpr std::uint64_t kHugeKib = kHugePageSize / 1024;
  line("AnonHugePages:", static_cast<unsigned long>(address_space().statistics().huge_pages * kHugeKib));
  line("ShmemHugePages:", static_cast<unsigned long>(huge_file_blocks() * kHugeKib));
  line("ShmemPmdMapped:", 0);
  line("FileHugePages:", 0);
  line("FilePmdMapped:", 0);
  // None are set aside beforehand: all are surplus, as under vm.nr_overcommit_hugepages, and those that are free belong
  // to mappings already.
  const HugeTlbPages huge = huge_tlb_pages();
  out.print("HugePages_Total:   %5lu\nHugePages_Free:    %5lu\nHugePages_Rsvd:    %5lu\nHugePages_Surp:    %5lu\n"
            "Hugepagesize:       2048 kB\n",
            huge.total, huge.reserved, huge.reserved, huge.total);
  line("Hugetlb:", static_cast<unsigned long>(huge.total * kHugeKib));
  line("DirectMap4k:", 0);
  line("DirectMap2M:", static_cast<unsigned long>(f.total_frames * kPagesToKib));
  return {};
}

}  // namespace mokapot::proc_nodes
