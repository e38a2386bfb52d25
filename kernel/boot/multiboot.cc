// SPDX-License-Identifier: Apache-2.0
#include "boot/multiboot.h"

#include <cstring>

namespace mokapot {
namespace {

enum Tag : std::uint32_t {
  kEnd = 0,
  kCommandLine = 1,
  kModule = 3,
  kMemoryMap = 6,
  kOldRootPointer = 14,  // ACPI 1.0
  kNewRootPointer = 15,  // ACPI 2.0 and later
};
constexpr std::uint32_t kRam = 1;
constexpr std::size_t kTagAlignment = 8;

struct TagHeader {
  std::uint32_t type, size;  // size with the header, without padding
};
struct MemoryMapHeader {
  std::uint32_t entry_size, entry_version;
};
struct MemoryMapEntry {
  std::uint64_t address, size;
  std::uint32_t type, reserved;
};
struct ModuleHeader {
  std::uint32_t begin, end;  // a string follows
};

using Bytes = std::span<const std::byte>;

template <typename T>
bool read_at(Bytes bytes, std::size_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

void take_command_line(Bytes text, BootInfo& info) {
  std::size_t length = 0;
  while (length < text.size() && length + 1 < sizeof(info.command_line) && text[length] != std::byte{0}) ++length;
  std::memcpy(info.command_line, text.data(), length);
  info.command_line[length] = '\0';
}

bool take_module(Bytes body, BootInfo& info) {
  ModuleHeader module;
  if (!read_at(body, 0, module) || module.end < module.begin) return false;
  if (info.initrd.begin == info.initrd.end) info.initrd = {PhysAddr(module.begin), PhysAddr(module.end)};
  return true;
}

bool take_memory_map(Bytes body, BootInfo& info) {
  MemoryMapHeader header;
  if (!read_at(body, 0, header) || header.entry_size < sizeof(MemoryMapEntry)) return false;
  MemoryMapEntry entry;
  for (std::size_t at = sizeof(header); read_at(body, at, entry); at += header.entry_size)
    if (entry.type == kRam && entry.address + entry.size >= entry.address)
      add_usable(info, entry.address, entry.address + entry.size);
  return true;
}

}  // namespace

bool parse_multiboot(Bytes information, PhysAddr address, BootInfo& info) {
  bool has_new_root = false;
  std::size_t at = 2 * sizeof(std::uint32_t);  // total size, reserved
  while (true) {
    TagHeader tag;
    if (!read_at(information, at, tag) || tag.size < sizeof(tag) || tag.size > information.size() - at) return false;
    const Bytes body = information.subspan(at + sizeof(tag), tag.size - sizeof(tag));
    switch (tag.type) {
      case kEnd:
        if (!info.rsdp.is_null()) info.loader = {address, address + information.size()};
        return true;
      case kCommandLine: take_command_line(body, info); break;
      case kModule:
        if (!take_module(body, info)) return false;
        break;
      case kMemoryMap:
        if (!take_memory_map(body, info)) return false;
        break;
      case kOldRootPointer:
      case kNewRootPointer:
        // The newer one wins, in whichever order they come.
        if (!has_new_root) info.rsdp = address + (at + sizeof(tag));
        has_new_root = has_new_root || tag.type == kNewRootPointer;
        break;
      default: break;
    }
    at += align_up(tag.size, kTagAlignment);
  }
}

}  // namespace mokapot
