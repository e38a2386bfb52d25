// SPDX-License-Identifier: Apache-2.0
//
// virtio 1.x devices as their drivers see them, whatever the bus: the transport's interface, and
// the steps of section 3.1 from reset to running.
//
// Legacy devices (before 1.0) are refused with a word in the log.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/types.h"
#include "drivers/dma_memory.h"
#include "drivers/platform.h"
#include "drivers/virtqueue.h"

namespace mokapot {

enum class VirtioType : std::uint16_t {
  kNet = 1,
  kBlock = 2,
  kConsole = 3,
  kEntropy = 4,
  kScsi = 8,
  k9p = 9,
};

inline constexpr unsigned kFeatureIndirect = 28;
inline constexpr unsigned kFeatureEventIndex = 29;
inline constexpr unsigned kFeatureVersion1 = 32;
constexpr std::uint64_t feature_bit(unsigned number) { return std::uint64_t{1} << number; }

inline constexpr std::uint8_t kStatusAcknowledge = 1;
inline constexpr std::uint8_t kStatusDriver = 2;
inline constexpr std::uint8_t kStatusDriverOk = 4;
inline constexpr std::uint8_t kStatusFeaturesOk = 8;
inline constexpr std::uint8_t kStatusNeedsReset = 64;
inline constexpr std::uint8_t kStatusFailed = 128;

// What a driver is told, in interrupt context. Several queues share one interrupt, so it says only
// "look".
class VirtioInterruptTarget {
 public:
  // True: there was something, which it has taken or will not count again. It need not be true for every interrupt that
  // was for a queue.
  virtual bool handle_queues() = 0;
  virtual void handle_configuration_change() = 0;

 protected:
  ~VirtioInterruptTarget() = default;
};

// A queue with an interrupt of its own. Interrupt context.
class VirtioQueueTarget {
 public:
  virtual void handle_queue() = 0;

 protected:
  ~VirtioQueueTarget() = default;
};

class VirtioTransport {
 public:
  virtual ~VirtioTransport() = default;
  virtual std::uint16_t type() const = 0;
  virtual const char* name() const = 0;  // for the log: where the device is

  virtual std::uint8_t status() = 0;
  virtual void set_status(std::uint8_t status) = 0;  // 0 resets; returns when the device has
  virtual std::uint64_t device_features() = 0;
  virtual void set_driver_features(std::uint64_t features) = 0;

  // Largest size that the device offers for the queue; 0: it has no such queue.
  virtual std::uint16_t queue_size_limit(std::uint16_t queue) = 0;
  virtual Result<void> enable_queue(std::uint16_t queue, const Virtqueue& rings) = 0;
  virtual void notify(std::uint16_t queue) = 0;  // any context

  // The device's own configuration. A read past its end gives zero.
  virtual std::uint32_t configuration_generation() = 0;
  virtual std::uint8_t read_configuration8(std::uint32_t offset) = 0;
  virtual std::uint16_t read_configuration16(std::uint32_t offset) = 0;
  virtual std::uint32_t read_configuration32(std::uint32_t offset) = 0;

  // Connects the device's interrupts to the target, for good. Before the queues are enabled.
  virtual Result<void> connect(VirtioInterruptTarget& target) = 0;
  // Gives the queue, which is not enabled yet, an interrupt of its own on that CPU: the target's
  // handle_queues() is not called for it any more. Several queues may share one target.
  // kEOPNOTSUPP: the bus has none to give, and all stays as it is.
  virtual Result<void> connect_queue(std::uint16_t, VirtioQueueTarget&, CpuId) {
    return Errno::kEOPNOTSUPP;
  }
};

// Two halves that belong together, although the device may change them meanwhile.
std::uint64_t read_configuration64(VirtioTransport& transport, std::uint32_t offset);

// Resets the device and agrees on features: those of wanted that the device offers, and VERSION_1,
// which it must. kENODEV if it will not have them (status FAILED is set then).
Result<std::uint64_t> negotiate(VirtioTransport& transport, std::uint64_t wanted);
// Makes a queue of at most max_size in memory of its own and gives it to the device. kENODEV if
// there is none.
struct OwnedQueue {
  Virtqueue rings;
  DmaMemory memory;
};
Result<OwnedQueue> set_up_queue(VirtioTransport& transport, std::uint16_t queue,
                                std::uint16_t max_size, std::uint64_t features);
// The device may use its queues from here on.
void start_device(VirtioTransport& transport);
// Gives up on a device: after return it touches no memory.
void fail_device(VirtioTransport& transport);

}  // namespace mokapot
