// SPDX-License-Identifier: Apache-2.0
//
// Vector 0 of the function is for configuration changes, vector 1 for all queues but those that
// have one of their own.
//
// Locks: none. Set-up is boot's thread; notify() is one register write and may run anywhere.

#include "drivers/virtio_pci.h"

#include "arch/cpu.h"
#include "base/format.h"
#include "base/ref_counted.h"
#include "drivers/mmio.h"
#include "drivers/pci_layout.h"
#include "trace/log.h"

namespace mokapot {
namespace {

// Common configuration structure (4.1.4.3).
enum Register : std::uint32_t {
  kDeviceFeatureSelect = 0x00,
  kDeviceFeature = 0x04,
  kDriverFeatureSelect = 0x08,
  kDriverFeature = 0x0c,
  kConfigurationVector = 0x10,
  kDeviceStatus = 0x14,
  kGeneration = 0x15,
  kQueueSelect = 0x16,
  kQueueSize = 0x18,
  kQueueVector = 0x1a,
  kQueueEnable = 0x1c,
  kQueueNotifyOffset = 0x1e,
  kQueueDescriptors = 0x20,
  kQueueAvailable = 0x28,
  kQueueUsed = 0x30,
};
constexpr std::uint16_t kVectorConfiguration = 0;
constexpr std::uint16_t kVectorQueues = 1;
constexpr std::uint16_t kNoVector = 0xffff;
constexpr std::uint16_t kMaxQueues = 64;

class VirtioPci final : public VirtioTransport {
 public:
  VirtioPci(PciAddress function, std::uint16_t type) : function_(function), type_(type) {
    format_to(name_, sizeof(name_), "pci %02x:%02x.%u", function.bus, function.device,
              function.function);
  }

  Result<void> map(pci::Configuration bytes, const pci::VirtioLayout& layout,
                   const pci::MsixCapability& msix) {
    // No more than we use, whatever sizes the device claims.
    constexpr std::uint32_t kMaxNotify = 1u << 20;
    common_ = TRY(map_range(bytes, layout.common, kPageSize));
    notify_ = TRY(map_range(bytes, layout.notify, kMaxNotify));
    notify_multiplier_ = layout.notify_multiplier;
    if (layout.device) device_ = TRY(map_range(bytes, *layout.device, kPageSize));
    msix_table_ = TRY(map_range(bytes, msix.table, kPageSize));
    msix_offset_ = msix.offset;
    vector_count_ = msix.table_size;
    return {};
  }

  std::uint16_t type() const override { return type_; }
  const char* name() const override { return name_; }

  std::uint8_t status() override { return common_.read8(kDeviceStatus); }
  void set_status(std::uint8_t status) override {
    common_.write8(kDeviceStatus, status);
    if (status == 0) {
      while (common_.read8(kDeviceStatus) != 0) arch::relax();
    }
  }
  std::uint64_t device_features() override {
    common_.write32(kDeviceFeatureSelect, 1);
    const std::uint64_t high = common_.read32(kDeviceFeature);
    common_.write32(kDeviceFeatureSelect, 0);
    return (high << 32) | common_.read32(kDeviceFeature);
  }
  void set_driver_features(std::uint64_t features) override {
    common_.write32(kDriverFeatureSelect, 1);
    common_.write32(kDriverFeature, static_cast<std::uint32_t>(features >> 32));
    common_.write32(kDriverFeatureSelect, 0);
    common_.write32(kDriverFeature, static_cast<std::uint32_t>(features));
  }

  std::uint16_t queue_size_limit(std::uint16_t queue) override {
    common_.write16(kQueueSelect, queue);
    return common_.read16(kQueueSize);
  }
  Result<void> enable_queue(std::uint16_t queue, const Virtqueue& rings) override {
    if (queue >= kMaxQueues) return Errno::kENOSPC;
    common_.write16(kQueueSelect, queue);
    const std::uint64_t notify =
        std::uint64_t{common_.read16(kQueueNotifyOffset)} * notify_multiplier_;
    if (notify + sizeof(std::uint16_t) > notify_.size()) return Errno::kEIO;
    notify_offsets_[queue] = static_cast<std::uint32_t>(notify);
    common_.write16(kQueueSize, rings.size());
    common_.write16(kQueueVector, vector_of(queue));
    if (common_.read16(kQueueVector) == kNoVector) return Errno::kENOSPC;
    write_address(kQueueDescriptors, rings.rings().descriptors);
    write_address(kQueueAvailable, rings.rings().available);
    write_address(kQueueUsed, rings.rings().used);
    common_.write16(kQueueEnable, 1);
    return {};
  }
  void notify(std::uint16_t queue) override { notify_.write16(notify_offsets_[queue], queue); }

  std::uint32_t configuration_generation() override { return common_.read8(kGeneration); }
  std::uint8_t read_configuration8(std::uint32_t offset) override {
    return offset < device_.size() ? device_.read8(offset) : std::uint8_t{0};
  }
  std::uint16_t read_configuration16(std::uint32_t offset) override {
    return offset + sizeof(std::uint16_t) <= device_.size() ? device_.read16(offset)
                                                            : std::uint16_t{0};
  }
  std::uint32_t read_configuration32(std::uint32_t offset) override {
    return offset + sizeof(std::uint32_t) <= device_.size() ? device_.read32(offset) : 0;
  }

  Result<void> connect(VirtioInterruptTarget& target) override {
    constexpr std::uint16_t kMsixEnable = 1u << 15;
    constexpr std::uint32_t kControlOffset = 2;
    target_ = &target;
    const InterruptVector configuration = TRY(allocate_vector(
        [](void* context) {
          static_cast<VirtioPci*>(context)->target_->handle_configuration_change();
        },
        this, "virtio-config"));
    const InterruptVector queues = TRY(allocate_vector(
        [](void* context) { (void)static_cast<VirtioPci*>(context)->target_->handle_queues(); }, this,
        "virtio-queues"));
    set_msix_entry(kVectorConfiguration, configuration, CpuId(0));
    set_msix_entry(kVectorQueues, queues, CpuId(0));
    pci_write16(function_, msix_offset_ + kControlOffset, kMsixEnable);
    common_.write16(kConfigurationVector, kVectorConfiguration);
    if (common_.read16(kConfigurationVector) == kNoVector) return Errno::kENOSPC;
    return {};
  }
  Result<void> connect_queue(std::uint16_t queue, VirtioQueueTarget& target, CpuId cpu) override {
    if (queue >= kMaxQueues) return Errno::kENOSPC;
    std::uint16_t entry = kVectorQueues + 1;
    while (entry < next_vector_ && own_targets_[entry] != &target) ++entry;
    if (entry == next_vector_) {
      if (entry >= vector_count_ || entry >= kMaxQueues) return Errno::kEOPNOTSUPP;
      const InterruptVector vector = TRY(allocate_vector(
          [](void* context) { static_cast<VirtioQueueTarget*>(context)->handle_queue(); },
          &target, "virtio-queue"));
      own_targets_[entry] = &target;
      set_msix_entry(entry, vector, cpu);
      ++next_vector_;
    }
    own_vectors_[queue] = entry;
    return {};
  }

 private:
  static Result<Mmio> map_range(pci::Configuration bytes, const pci::BarRange& range,
                                std::uint32_t max_size) {
    const auto base = pci::memory_bar(bytes, range.bar);
    if (!base) return Errno::kENODEV;
    return Mmio::map(*base + range.offset, range.size < max_size ? range.size : max_size);
  }

  std::uint16_t vector_of(std::uint16_t queue) const {
    return own_vectors_[queue] != 0 ? own_vectors_[queue] : kVectorQueues;
  }

  void set_msix_entry(std::uint16_t entry, InterruptVector vector, CpuId cpu) {
    constexpr std::uint32_t kEntrySize = 16, kMasked = 1;
    const auto message = cpu_interrupt_controller().message_for(cpu, vector);
    const std::uint32_t offset = entry * kEntrySize;
    msix_table_.write32(offset + 12, kMasked);
    msix_table_.write32(offset, static_cast<std::uint32_t>(message.address));
    msix_table_.write32(offset + 4, static_cast<std::uint32_t>(message.address >> 32));
    msix_table_.write32(offset + 8, message.data);
    msix_table_.write32(offset + 12, 0);
  }

  void write_address(std::uint32_t reg, PhysAddr address) {
    common_.write32(reg, static_cast<std::uint32_t>(address.value()));
    common_.write32(reg + 4, static_cast<std::uint32_t>(address.value() >> 32));
  }

  const PciAddress function_;
  const std::uint16_t type_;
  Mmio common_, notify_, device_, msix_table_;
  std::uint32_t notify_multiplier_ = 0;
  std::uint32_t msix_offset_ = 0;
  std::uint32_t notify_offsets_[kMaxQueues] = {};
  std::uint16_t vector_count_ = 0;
  std::uint16_t next_vector_ = kVectorQueues + 1;
  std::uint16_t own_vectors_[kMaxQueues] = {};       // of queues; 0: none
  VirtioQueueTarget* own_targets_[kMaxQueues] = {};  // of vectors, from kVectorQueues + 1 on
  VirtioInterruptTarget* target_ = nullptr;  // set before the interrupts are on
  char name_[16];
};

}  // namespace

Result<std::unique_ptr<VirtioTransport>> open_virtio_pci(PciAddress function) {
  const PciConfiguration bytes = read_pci_configuration(function);
  const auto type = pci::virtio_type(bytes);
  if (!type) return Errno::kENODEV;
  std::unique_ptr<VirtioPci> device = TRY(make_unique_or_error<VirtioPci>(function, *type));
  const auto layout = pci::find_virtio_layout(bytes);
  if (!layout) {
    LOG_ERROR(
        "virtio %s: the device is a legacy one (before virtio 1.0), or firmware gave it no memory; "
        "it is "
        "not supported",
        device->name());
    return Errno::kENODEV;
  }
  const auto msix = pci::find_msix(bytes);
  if (!msix || msix->table_size < 2) {
    LOG_ERROR("virtio %s: the device offers no MSI-X interrupts, which the driver needs",
              device->name());
    return Errno::kENODEV;
  }
  enable_pci_function(function);
  TRY(device->map(bytes, *layout, *msix));
  std::unique_ptr<VirtioTransport> transport = std::move(device);
  return transport;
}

}  // namespace mokapot
