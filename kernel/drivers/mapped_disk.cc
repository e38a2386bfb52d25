// SPDX-License-Identifier: Apache-2.0
//
// A disk that the hypervisor shows as memory, so that the pages of its files are mapped where they lie: nothing is read,
// nothing is copied, and all VMs that have the same image open share the host's one copy of it. The device is QEMU's
// ivshmem in its plain form (docs/specs/ivshmem-spec.txt of QEMU's): BAR 2 is the memory, there is nothing to say to it.
// virtio-pmem, which is made for this, needs a machine that memory can be plugged into; microvm is none.
//
// No lock: everything is const after construction. Requests are done by the thread that makes them.

#include "drivers/mapped_disk.h"

#include <cstring>
#include <memory>
#include <string_view>

#include "base/ref_counted.h"
#include "device/block_device.h"
#include "drivers/pci_layout.h"
#include "drivers/pci_place.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr std::uint16_t kVendorRedHat = 0x1af4, kIvshmem = 0x1110;
constexpr unsigned kMemoryBar = 2;

class MappedDisk final : public BlockDevice {
 public:
  MappedDisk(const char* serial, PciMemory memory) : memory_(memory) { std::memcpy(serial_, serial, sizeof(serial_)); }

  const char* name_prefix() const override { return "pmem"; }
  const char* serial() const override { return serial_; }
  std::uint64_t size() const override { return memory_.size; }
  std::uint32_t sector_size() const override { return kSectorSize; }
  bool read_only() const override { return true; }
  std::size_t max_segments() const override { return kMostSegments; }
  PhysAddr memory() const override { return memory_.begin; }

  void submit(BlockRequest& request) override {
    count_queued(request);
    end_request(request, serve(request));
  }

 private:
  static constexpr std::uint32_t kSectorSize = 512;
  static constexpr std::size_t kMostSegments = 256;

  Result<void> serve(const BlockRequest& request) const {
    if (request.kind == BlockRequest::Kind::kFlush) return {};
    if (request.kind != BlockRequest::Kind::kRead) return Errno::kEROFS;
    std::uint64_t offset = request.offset;
    for (const PhysSegment& segment : request.segments) {
      if (offset > memory_.size || segment.size > memory_.size - offset) return Errno::kEIO;
      std::memcpy(direct_map(segment.address), direct_map(memory_.begin + offset), segment.size);
      offset += segment.size;
    }
    return {};
  }

  const PciMemory memory_;
  char serial_[MappedDiskDescription::kSerialSize];
};

const MappedDiskDescription* description_of(PciAddress function, const Platform& platform) {
  for (const MappedDiskDescription& known : platform.mapped_disks) {
    if (function.bus == 0 && function.function == 0 && function.device == known.device) return &known;
  }
  return nullptr;
}

Result<void> start(PciAddress function, const MappedDiskDescription& description, const Platform& platform) {
  const PciMemory memory = TRY(place_memory_bar(function, kMemoryBar, platform));
  // Readers take pages by the direct map, as they take those of frames.
  TRY(map_kernel_range(VirtAddr(direct_map(memory.begin)), memory.begin, memory.size,
                       {.write = false, .execute = false, .cache = arch::CacheMode::kWriteBack, .global = true}));
  TRY(add_device_memory({memory.begin, memory.begin + memory.size}));
  auto disk = TRY(make_unique_or_error<MappedDisk>(description.serial, memory));
  TRY(register_block_device(disk.get()));
  LOG_INFO("mapped disk pci 00:%02x.0: %llu KiB at %#llx, serial \"%s\"", function.device,
           static_cast<unsigned long long>(memory.size >> 10), static_cast<unsigned long long>(memory.begin.value()),
           disk.release()->serial());
  return {};
}

}  // namespace

void start_mapped_disk(PciAddress function, const Platform& platform) {
  if (pci_read16(function, pci::kVendor) != kVendorRedHat || pci_read16(function, pci::kDeviceId) != kIvshmem) return;
  const MappedDiskDescription* description = description_of(function, platform);
  if (description == nullptr) {
    LOG_INFO("ivshmem pci %02x:%02x.%u: nobody says what it is, so it is not used", function.bus, function.device,
             function.function);
    return;
  }
  const auto started = start(function, *description, platform);
  if (!started.ok()) LOG_ERROR("mapped disk \"%s\": %s", description->serial, errno_name(started.error()));
}

}  // namespace mokapot
