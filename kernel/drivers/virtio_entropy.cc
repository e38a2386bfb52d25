// SPDX-License-Identifier: Apache-2.0
//
// One buffer, with the device or empty. A timer sends it out again long after it came back.
//
// Lock: lock_ (rank kDeviceQueue), interrupts off.

#include "drivers/virtio_entropy.h"

#include <algorithm>
#include <cstring>

#include "base/ref_counted.h"
#include "device/random.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "time/timer.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr std::uint16_t kRequestQueue = 0;
constexpr std::uint16_t kQueueSize = 2;
constexpr std::uint32_t kRequestSize = 64;
constexpr Duration kReseedInterval = Duration::seconds(300);

class VirtioEntropy final : public VirtioInterruptTarget {
 public:
  explicit VirtioEntropy(std::unique_ptr<VirtioTransport> transport)
      : transport_(std::move(transport)), reseed_(*this) {}

  Result<void> start() {
    const std::uint64_t features = TRY(negotiate(*transport_, feature_bit(kFeatureEventIndex)));
    TRY(transport_->connect(*this));
    OwnedQueue queue = TRY(set_up_queue(*transport_, kRequestQueue, kQueueSize, features));
    DmaMemory buffer = TRY(DmaMemory::allocate(kRequestSize));
    {
      IrqSpinGuard guard(lock_);
      queue_ = std::move(queue);
      buffer_ = std::move(buffer);
      (void)queue_.rings.enable_interrupt();
    }
    start_device(*transport_);
    request();
    return {};
  }
  void abandon() { fail_device(*transport_); }
  const char* where() const { return transport_->name(); }

  bool handle_queues() override {
    std::uint8_t bytes[kRequestSize];
    std::uint32_t size = 0;
    {
      IrqSpinGuard guard(lock_);
      do {
        while (const auto completion = queue_.rings.take()) {
          size = std::min(completion->written, kRequestSize);
          std::memcpy(bytes, buffer_.at<std::uint8_t>(), size);
          // Nobody shall find in memory what has gone into the key.
          std::memset(buffer_.at<std::uint8_t>(), 0, kRequestSize);
        }
      } while (!queue_.rings.enable_interrupt());
    }
    if (size == 0) return false;
    add_entropy(bytes, size);
    reseed_.arm(now() + kReseedInterval);
    return true;
  }
  void handle_configuration_change() override {}

 private:
  // A timer that knows whose it is.
  struct ReseedTimer : Timer {
    explicit ReseedTimer(VirtioEntropy& owner)
        : Timer([](Timer& timer) { static_cast<ReseedTimer&>(timer).owner_.request(); }),
          owner_(owner) {}
    VirtioEntropy& owner_;
  };

  // Sends the buffer to the device, which does not have it now. Any context.
  void request() {
    bool notify = false;
    {
      IrqSpinGuard guard(lock_);
      const DmaBuffer piece{buffer_.address(), kRequestSize, DmaBuffer::Direction::kDeviceWrites};
      if (!queue_.rings.add(std::span(&piece, 1), 0).ok()) return;
      notify = queue_.rings.publish();
    }
    if (notify) transport_->notify(kRequestQueue);
  }

  const std::unique_ptr<VirtioTransport> transport_;
  ReseedTimer reseed_;
  SpinLock lock_{LockRank::kDeviceQueue};
  OwnedQueue queue_ GUARDED_BY(lock_);
  DmaMemory buffer_ GUARDED_BY(lock_);
};

}  // namespace

void start_virtio_entropy(std::unique_ptr<VirtioTransport> transport) {
  auto made = make_unique_or_error<VirtioEntropy>(std::move(transport));
  if (!made.ok()) {
    LOG_ERROR("virtio-rng: out of memory");
    return;
  }
  VirtioEntropy* device = made.take().release();  // for good: its interrupts are connected
  const Result<void> started = device->start();
  if (!started.ok()) {
    LOG_ERROR("virtio-rng %s: not usable: %s", device->where(), errno_name(started.error()));
    device->abandon();
  }
}

}  // namespace mokapot
