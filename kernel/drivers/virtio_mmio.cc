// SPDX-License-Identifier: Apache-2.0
//
// Locks: none. Set-up is boot's thread; notify() is one register write and may run anywhere, and so
// may the interrupt handler, which touches only the two interrupt registers.

#include "drivers/virtio_mmio.h"

#include "arch/cpu.h"
#include "base/format.h"
#include "base/ref_counted.h"
#include "drivers/interrupt_line.h"
#include "drivers/mmio.h"
#include "trace/log.h"

namespace mokapot {
namespace {

enum Register : std::uint32_t {
  kMagic = 0x000,
  kVersion = 0x004,
  kDeviceId = 0x008,
  kDeviceFeatures = 0x010,
  kDeviceFeaturesSelect = 0x014,
  kDriverFeatures = 0x020,
  kDriverFeaturesSelect = 0x024,
  kQueueSelect = 0x030,
  kQueueSizeMax = 0x034,
  kQueueSize = 0x038,
  kQueueReady = 0x044,
  kQueueNotify = 0x050,
  kInterruptStatus = 0x060,
  kInterruptAcknowledge = 0x064,
  kStatus = 0x070,
  kQueueDescriptors = 0x080,
  kQueueAvailable = 0x090,
  kQueueUsed = 0x0a0,
  kConfigurationGeneration = 0x0fc,
  kConfiguration = 0x100,
};
constexpr std::uint32_t kMagicValue = 0x7472'6976;  // "virt"
constexpr std::uint32_t kModernVersion = 2;
constexpr std::uint32_t kInterruptQueues = 1;
constexpr std::uint32_t kInterruptConfiguration = 2;

class VirtioMmio final : public VirtioTransport {
 public:
  VirtioMmio(Mmio registers, const VirtioMmioDescription& description)
      : registers_(registers), description_(description) {
    format_to(name_, sizeof(name_), "mmio %#llx",
              static_cast<unsigned long long>(description.address.value()));
  }

  std::uint16_t type() const override {
    return static_cast<std::uint16_t>(registers_.read32(kDeviceId));
  }
  const char* name() const override { return name_; }

  std::uint8_t status() override { return static_cast<std::uint8_t>(registers_.read32(kStatus)); }
  void set_status(std::uint8_t status) override {
    registers_.write32(kStatus, status);
    if (status == 0) {
      while (registers_.read32(kStatus) != 0) arch::relax();
    }
  }
  std::uint64_t device_features() override {
    registers_.write32(kDeviceFeaturesSelect, 1);
    const std::uint64_t high = registers_.read32(kDeviceFeatures);
    registers_.write32(kDeviceFeaturesSelect, 0);
    return (high << 32) | registers_.read32(kDeviceFeatures);
  }
  void set_driver_features(std::uint64_t features) override {
    registers_.write32(kDriverFeaturesSelect, 1);
    registers_.write32(kDriverFeatures, static_cast<std::uint32_t>(features >> 32));
    registers_.write32(kDriverFeaturesSelect, 0);
    registers_.write32(kDriverFeatures, static_cast<std::uint32_t>(features));
  }

  std::uint16_t queue_size_limit(std::uint16_t queue) override {
    registers_.write32(kQueueSelect, queue);
    const std::uint32_t limit = registers_.read32(kQueueSizeMax);
    return static_cast<std::uint16_t>(limit > 32768 ? 32768 : limit);
  }
  Result<void> enable_queue(std::uint16_t queue, const Virtqueue& rings) override {
    registers_.write32(kQueueSelect, queue);
    if (registers_.read32(kQueueReady) != 0) return Errno::kEBUSY;
    registers_.write32(kQueueSize, rings.size());
    write_address(kQueueDescriptors, rings.rings().descriptors);
    write_address(kQueueAvailable, rings.rings().available);
    write_address(kQueueUsed, rings.rings().used);
    registers_.write32(kQueueReady, 1);
    return {};
  }
  void notify(std::uint16_t queue) override { registers_.write32(kQueueNotify, queue); }

  std::uint32_t configuration_generation() override {
    return registers_.read32(kConfigurationGeneration);
  }
  std::uint8_t read_configuration8(std::uint32_t offset) override {
    return kConfiguration + offset < registers_.size() ? registers_.read8(kConfiguration + offset)
                                                       : std::uint8_t{0};
  }
  std::uint16_t read_configuration16(std::uint32_t offset) override {
    return kConfiguration + offset + 2 <= registers_.size()
               ? registers_.read16(kConfiguration + offset)
               : std::uint16_t{0};
  }
  std::uint32_t read_configuration32(std::uint32_t offset) override {
    return kConfiguration + offset + 4 <= registers_.size()
               ? registers_.read32(kConfiguration + offset)
               : 0;
  }

  Result<void> connect(VirtioInterruptTarget& target) override {
    target_ = &target;
    return connect_line(description_.line, description_.trigger, description_.polarity,
                        &handle_interrupt, this, name());
  }

 private:
  static void handle_interrupt(void* context) {
    auto& self = *static_cast<VirtioMmio*>(context);
    // Mostly it is for a queue, and where there is something in one, the status tells nothing more: if the configuration
    // has changed, too, the level stays up and interrupts anew.
    if (self.description_.trigger == Trigger::kLevel) {
      self.registers_.write32(kInterruptAcknowledge, kInterruptQueues);
      if (self.target_->handle_queues()) return;
    }
    // Until the status is zero, since an edge comes only once the line has been down. A level that is still up, or
    // up again, interrupts anew, and to look for it once more would cost each interrupt an access to the device.
    while (self.handle_pending() && self.description_.trigger == Trigger::kEdge) {
    }
  }

  bool handle_pending() {
    const std::uint32_t pending = registers_.read32(kInterruptStatus);
    if (pending == 0) return false;
    // Acknowledged before the work, so that a completion after our last look raises the line anew.
    registers_.write32(kInterruptAcknowledge, pending);
    if ((pending & kInterruptQueues) != 0) (void)target_->handle_queues();
    if ((pending & kInterruptConfiguration) != 0) target_->handle_configuration_change();
    return true;
  }

  void write_address(std::uint32_t reg, PhysAddr address) {
    registers_.write32(reg, static_cast<std::uint32_t>(address.value()));
    registers_.write32(reg + 4, static_cast<std::uint32_t>(address.value() >> 32));
  }

  const Mmio registers_;
  const VirtioMmioDescription description_;
  VirtioInterruptTarget* target_ = nullptr;  // set before the line is let through
  char name_[32];
};

}  // namespace

Result<std::unique_ptr<VirtioTransport>> open_virtio_mmio(
    const VirtioMmioDescription& description) {
  if (description.size < kConfiguration) return Errno::kENODEV;
  const Mmio registers = TRY(Mmio::map(description.address, description.size));
  if (registers.read32(kMagic) != kMagicValue || registers.read32(kDeviceId) == 0)
    return Errno::kENODEV;
  if (registers.read32(kVersion) != kModernVersion) {
    LOG_ERROR(
        "virtio mmio %#llx: the device is a legacy one, which is not supported "
        "(QEMU: -global virtio-mmio.force-legacy=false)",
        static_cast<unsigned long long>(description.address.value()));
    return Errno::kENODEV;
  }
  std::unique_ptr<VirtioTransport> transport =
      TRY(make_unique_or_error<VirtioMmio>(registers, description));
  return transport;
}

}  // namespace mokapot
