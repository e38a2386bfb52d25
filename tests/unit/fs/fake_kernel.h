// SPDX-License-Identifier: Apache-2.0
//
// The world around fs for its tests: see fake_kernel.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/block_device.h"
#include "io/file.h"

namespace mokapot::fake {

// Page cache and VFS with an empty tmpfs as root. Once a program.
void start_kernel();

// What was taken out of mappings since the last call.
struct Unmapped {
  std::uint64_t first, count;
  bool private_copies;
};
std::vector<Unmapped> take_unmapped();
std::uint64_t reclaim(std::uint64_t wanted);
// Reads complete only when somebody waits.
void defer_reads(bool defer);

class MemoryDisk final : public BlockDevice {
 public:
  explicit MemoryDisk(std::vector<std::uint8_t> contents) : bytes(std::move(contents)) {}
  const char* serial() const override { return "test"; }
  std::uint64_t size() const override { return bytes.size(); }
  std::uint32_t sector_size() const override { return 512; }
  bool read_only() const override { return true; }
  std::size_t max_segments() const override { return 16; }
  void submit(BlockRequest& request) override;
  PhysAddr memory() const override { return memory_; }
  // Its bytes lie in memory as well from now on. One disk at a time.
  void show_as_memory();

  std::vector<std::uint8_t> bytes;
  std::uint64_t requests = 0, bytes_read = 0;
  bool fail_reads = false;

 private:
  PhysAddr memory_;
};

// mkfs.erofs of a directory; false where there is no mkfs.erofs.
bool make_image(const std::string& directory, std::vector<std::uint8_t>& image, const std::string& options = "");
std::string read_all(File& file);

}  // namespace mokapot::fake
