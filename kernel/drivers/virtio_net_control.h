// SPDX-License-Identifier: Apache-2.0
//
// The control queue of a virtio-net (virtio 1.2, section 5.1.6.5): one command at a time, which its
// sender waits for.
//
// Lock: lock_ (rank kDeviceQueue), interrupts off. Invariant: once a command was not answered in
// time, the device may still write to the memory, and the queue is of no more use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "drivers/virtio.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace mokapot {

class NetControlQueue {
 public:
  explicit NetControlQueue(VirtioTransport& transport) : transport_(transport) {}

  // The device does not run yet. kENOMEM, kENODEV.
  Result<void> set_up(std::uint16_t index, std::uint64_t features);

  enum class Class : std::uint8_t { kMultiqueue = 4 };
  // Blocks until the device has answered. kEIO: it refuses, or does not answer in a few seconds.
  // Thread context, one caller at a time.
  Result<void> send(Class command_class, std::uint8_t command, std::span<const std::byte> data);

  void handle_interrupt();

 private:
  static constexpr std::uint16_t kQueueSize = 4;
  static constexpr std::size_t kMaxData = 64;
  // Shared with the device.
  struct Command {
    std::uint8_t command_class;
    std::uint8_t command;
    std::byte data[kMaxData];
    std::uint8_t answer;
  };

  VirtioTransport& transport_;
  std::uint16_t index_ = 0;  // constant after set_up()
  DmaMemory memory_;         // a Command; likewise
  WaitQueue answered_queue_;
  std::atomic<bool> answered_{false};

  SpinLock lock_{LockRank::kDeviceQueue};
  OwnedQueue queue_ GUARDED_BY(lock_);
};

}  // namespace mokapot
