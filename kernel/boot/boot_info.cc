// SPDX-License-Identifier: Apache-2.0
#include "boot/boot_info.h"

#include <cstring>

#include "boot/multiboot.h"

namespace mokapot {
namespace {

template <typename T>
T read_physical(std::uint64_t address) {
  T value;
  std::memcpy(&value, direct_map(PhysAddr(address)), sizeof(value));
  return value;
}

void copy_command_line(BootInfo& info, std::uint64_t address) {
  if (address == 0) return;
  const char* text = static_cast<const char*>(direct_map(PhysAddr(address)));
  std::size_t length = 0;
  while (length + 1 < sizeof(info.command_line) && text[length] != '\0') ++length;
  std::memcpy(info.command_line, text, length);
}

// Xen's public/arch-x86/hvm/start_info.h.
void read_pvh(std::uint64_t address, BootInfo& info) {
  struct StartInfo {
    std::uint32_t magic, version, flags, module_count;
    std::uint64_t modules, command_line, rsdp, memory_map;
    std::uint32_t memory_map_entries, reserved;
  };
  struct Module {
    std::uint64_t address, size, command_line, reserved;
  };
  struct MemoryMapEntry {
    std::uint64_t address, size;
    std::uint32_t type, reserved;
  };
  constexpr std::uint32_t kMagic = 0x336ec578, kRam = 1;
  const auto start = read_physical<StartInfo>(address);
  if (start.magic != kMagic) panic("PVH start information at %#lx has magic %#x", address, start.magic);
  copy_command_line(info, start.command_line);
  info.rsdp = PhysAddr(start.rsdp);
  if (start.module_count > 0) {
    const auto module = read_physical<Module>(start.modules);
    info.initrd = {PhysAddr(module.address), PhysAddr(module.address + module.size)};
  }
  for (std::uint32_t i = 0; start.version >= 1 && i < start.memory_map_entries; ++i) {
    const auto entry = read_physical<MemoryMapEntry>(start.memory_map + i * sizeof(MemoryMapEntry));
    if (entry.type == kRam) add_usable(info, entry.address, entry.address + entry.size);
  }
}

// Linux Documentation/arch/x86/zero-page.rst.
void read_linux(std::uint64_t zero_page, BootInfo& info) {
  struct [[gnu::packed]] E820Entry {
    std::uint64_t address, size;
    std::uint32_t type;
  };
  constexpr std::uint64_t kRsdp = 0x70, kEntryCount = 0x1e8, kInitrd = 0x218, kInitrdSize = 0x21c;
  constexpr std::uint64_t kCommandLine = 0x228, kCommandLineHigh = 0xc8, kTable = 0x2d0;
  constexpr unsigned kMostEntries = 128;
  constexpr std::uint32_t kRam = 1;
  copy_command_line(info, read_physical<std::uint32_t>(zero_page + kCommandLine) |
                              (std::uint64_t{read_physical<std::uint32_t>(zero_page + kCommandLineHigh)} << 32));
  info.rsdp = PhysAddr(read_physical<std::uint64_t>(zero_page + kRsdp));
  const std::uint64_t initrd = read_physical<std::uint32_t>(zero_page + kInitrd);
  info.initrd = {PhysAddr(initrd), PhysAddr(initrd + read_physical<std::uint32_t>(zero_page + kInitrdSize))};
  const unsigned count = read_physical<std::uint8_t>(zero_page + kEntryCount);
  for (unsigned i = 0; i < count && i < kMostEntries; ++i) {
    const auto entry = read_physical<E820Entry>(zero_page + kTable + i * sizeof(E820Entry));
    if (entry.type == kRam) add_usable(info, entry.address, entry.address + entry.size);
  }
}

void read_multiboot(std::uint64_t address, BootInfo& info) {
  const PhysAddr at(address);
  const auto size = read_physical<std::uint32_t>(address);
  // SAFETY: the loader put it into memory below 4 GiB, which the stub's tables map.
  const std::span information(static_cast<const std::byte*>(direct_map(at)), size);
  if (!parse_multiboot(information, at, info)) panic("the Multiboot2 information at %#lx makes no sense", address);
}

}  // namespace

void add_usable(BootInfo& info, std::uint64_t begin, std::uint64_t end) {
  // The first MiB is firmware's and the trampoline's.
  constexpr std::uint64_t kLowest = 1 << 20;
  begin = align_up(begin < kLowest ? kLowest : begin, kPageSize);
  end = align_down(end, kPageSize);
  if (begin >= end || info.usable_count == BootInfo::kMostRanges) return;
  // Insertion keeps the list ascending whatever the loader's order is.
  std::size_t place = info.usable_count++;
  for (; place > 0 && info.usable[place - 1].begin.value() > begin; --place) info.usable[place] = info.usable[place - 1];
  info.usable[place] = {PhysAddr(begin), PhysAddr(end)};
}

void read_boot_info(BootProtocol protocol, PhysAddr information, BootInfo& info) {
  switch (protocol) {
    case BootProtocol::kPvh: read_pvh(information.value(), info); break;
    case BootProtocol::kLinux: read_linux(information.value(), info); break;
    case BootProtocol::kMultiboot: read_multiboot(information.value(), info); break;
  }
  if (info.usable_count == 0) panic("the loader names no usable memory");
}

void exclude_range(BootInfo& info, MemoryRange hole) {
  const std::uint64_t begin = align_down(hole.begin.value(), kPageSize), end = align_up(hole.end.value(), kPageSize);
  if (begin >= end) return;
  MemoryRange old[BootInfo::kMostRanges];
  const std::size_t count = info.usable_count;
  std::memcpy(old, info.usable, count * sizeof(MemoryRange));
  info.usable_count = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t b = old[i].begin.value(), e = old[i].end.value();
    if (end <= b || begin >= e) {
      add_usable(info, b, e);
    } else {
      if (b < begin) add_usable(info, b, begin);
      if (end < e) add_usable(info, end, e);
    }
  }
}

OptionValue command_line_option(std::string_view command_line, std::string_view name) {
  while (!command_line.empty()) {
    const std::size_t space = command_line.find(' ');
    const std::string_view word = command_line.substr(0, space);
    command_line = space == std::string_view::npos ? std::string_view() : command_line.substr(space + 1);
    if (word == name) return {true, ""};
    if (word.size() > name.size() && word.substr(0, name.size()) == name && word[name.size()] == '=')
      return {true, word.substr(name.size() + 1)};
  }
  return {};
}

}  // namespace mokapot
