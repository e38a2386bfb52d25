// SPDX-License-Identifier: Apache-2.0
//
// What a boot loader and a disk hand over: Multiboot2 information and partition tables.
// sources: kernel/boot/multiboot.cc kernel/boot/boot_info.cc kernel/device/guid_partition_table.cc

#include <cstdlib>
#include <cstring>

#include "boot/multiboot.h"
#include "device/guid_partition_table.h"

namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kBlocks = 1 << 20;

void read_table(std::span<const std::byte> bytes) {
  if (bytes.size() < kBlock) return;
  // Chance does not find a checksum: it is put right.
  std::byte block[kBlock];
  std::memcpy(block, bytes.data(), kBlock);
  std::memcpy(block, "EFI PART", 8);
  std::memset(block + 16, 0, 4);
  std::uint32_t size;
  std::memcpy(&size, block + 12, sizeof(size));
  const std::uint32_t sum = mokapot::gpt_checksum({block, size < kBlock ? size : kBlock});
  std::memcpy(block + 16, &sum, sizeof(sum));
  const auto header = mokapot::parse_gpt_header(block, 1, kBlocks);
  if (!header.ok()) return;
  if (header.value().entries_block + header.value().entries_bytes() / kBlock > kBlocks) std::abort();
  const auto entries = bytes.subspan(kBlock);
  for (std::size_t i = 0; i < header.value().entry_count; ++i) {
    const auto entry = mokapot::parse_gpt_entry(header.value(), entries, i);
    if (entry.ok() && (entry.value().first > entry.value().last || entry.value().last >= kBlocks)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes = std::as_bytes(std::span(data, size));
  static mokapot::BootInfo info;
  info = {};
  (void)mokapot::parse_multiboot(bytes, mokapot::PhysAddr(0x100000), info);
  read_table(bytes);
  return 0;
}
