// SPDX-License-Identifier: Apache-2.0
//
// See kernel_map.h. Tables are made here by hand because the frame allocator needs the direct map first. They
// come from the top of the highest range below 4 GiB, which the stub's tables already map.
#include "boot/kernel_map.h"

#include <cstring>

#include "arch/boot.h"
#include "arch/paging.h"

namespace mokapot {
namespace {

extern "C" const char image_start[], text_start[], text_end[], rodata_start[], rodata_end[], data_start[], image_end[];

constexpr std::uint64_t kLoadBase = 0x200000;
static_assert(kLoadBase == kHugePageSize);  // the image begins where the first MiBs' page ends
constexpr std::uint64_t kFourGiB = std::uint64_t{4} << 30;
constexpr std::uint64_t kKernelVirtualArea = 0xffff'c000'0000'0000;

constinit PhysAddr root;

PhysAddr physical_of(const char* symbol) { return PhysAddr(kLoadBase + static_cast<std::uint64_t>(symbol - image_start)); }

class Builder {
 public:
  explicit Builder(BootInfo& info) : info_(info) {}

  void map_range(std::uint64_t virtual_begin, std::uint64_t physical_begin, std::uint64_t size, int level,
                 arch::PageProtection protection) {
    const std::uint64_t step = kPageSize << (9 * level);
    for (std::uint64_t offset = 0; offset < size; offset += step)
      *slot(VirtAddr(virtual_begin + offset), level) =
          arch::PageTableEntry::leaf(PhysAddr(physical_begin + offset), protection, level).raw();
  }
  std::uint64_t* slot(VirtAddr address, int level) {
    if (root.is_null()) root = take_frame();
    PhysAddr table = root;
    for (int at = arch::kPageTableLevels - 1;; --at) {
      auto* entries = static_cast<std::uint64_t*>(direct_map(table));
      std::uint64_t* entry = &entries[arch::table_index(address, at)];
      if (at == level) return entry;
      if (*entry == 0) *entry = arch::PageTableEntry::table(take_frame()).raw();
      table = arch::PageTableEntry(*entry).frame();
    }
  }

 private:
  PhysAddr take_frame() {
    for (std::size_t i = info_.usable_count; i-- > 0;) {
      MemoryRange& range = info_.usable[i];
      if (range.end.value() > kFourGiB || range.end - range.begin < kPageSize) continue;
      range.end = range.end - kPageSize;
      std::memset(direct_map(range.end), 0, kPageSize);
      return range.end;
    }
    panic("too little memory below 4 GiB for the page tables");
  }
  BootInfo& info_;
};

}  // namespace

void build_kernel_map(BootInfo& info) {
  Builder builder(info);
  const arch::PageProtection data{.write = true, .execute = false, .cache = arch::CacheMode::kWriteBack, .global = true};
  const arch::PageProtection code{.write = false, .execute = true, .cache = arch::CacheMode::kWriteBack, .global = true};
  const arch::PageProtection constants{.write = false, .execute = false, .cache = arch::CacheMode::kWriteBack, .global = true};

  // The direct map, in 2 MiB steps round what is usable. A copy of the list: taking frames shrinks it.
  MemoryRange ranges[BootInfo::kMostRanges];
  const std::size_t count = info.usable_count;
  std::memcpy(ranges, info.usable, sizeof(ranges));
  builder.map_range(kDirectMapBase, 0, kHugePageSize, 1, data);
  // The image's alias in it, page by page: text and constants are not writable there either.
  const PhysAddr constants_begin = physical_of(text_start), constants_end = physical_of(rodata_end);
  std::uint64_t mapped = align_up(physical_of(image_end).value(), kHugePageSize);
  for (std::uint64_t page = kLoadBase; page < mapped; page += kPageSize) {
    const bool is_constant = page >= constants_begin.value() && page < constants_end.value();
    builder.map_range(kDirectMapBase + page, page, kPageSize, 0, is_constant ? constants : data);
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t begin = align_down(ranges[i].begin.value(), kHugePageSize);
    const std::uint64_t end = align_up(ranges[i].end.value(), kHugePageSize);
    if (begin < mapped) begin = mapped;
    if (begin >= end) continue;
    builder.map_range(kDirectMapBase + begin, begin, end - begin, 1, data);
    mapped = end;
  }
  *builder.slot(VirtAddr(kKernelVirtualArea), 2) = 0;  // makes the upper table exist

  const auto map_section = [&](const char* begin, const char* end, arch::PageProtection protection) {
    builder.map_range(VirtAddr(begin).value(), physical_of(begin).value(), static_cast<std::uint64_t>(end - begin), 0, protection);
  };
  map_section(text_start, text_end, code);
  map_section(rodata_start, rodata_end, constants);
  const VirtAddr guard = arch::boot_stack_bottom() - kPageSize;
  map_section(data_start, guard.as<const char>(), data);
  map_section(arch::boot_stack_bottom().as<const char>(), image_end, data);
  arch::load_page_table_root(root);
}

PhysAddr kernel_map_root() { return root; }

MemoryRange kernel_image_range() { return {PhysAddr(kLoadBase), physical_of(image_end)}; }

void release_boot_section() { add_memory({PhysAddr(kLoadBase), physical_of(text_start)}); }

}  // namespace mokapot
