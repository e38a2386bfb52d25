// SPDX-License-Identifier: Apache-2.0
//
// A virtio SCSI host adapter (virtio 1.2, 5.6): how commands travel, to whichever disk. Of its queues the first request
// queue is used alone: hot-plugging and changes of size, which the event queue would tell of, are not negotiated, and
// no command is ever aborted, for which the control queue is.
//
// A fixed number of slots bounds what is in flight. What the disk says is not its answer to the command
// (ScsiVerdict::kAgain) is sent once more in the same slot, a bounded number of times.
//
// Lock: lock_ (rank kDeviceQueue), interrupts off: slots, ring. Completions are called without it, in interrupt
// context. Invariant: a slot is free or belongs to one command that the device has.
#pragma once

#include <memory>

#include "device/block_device.h"
#include "drivers/scsi_command.h"
#include "drivers/virtio.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace mokapot {

struct ScsiExchange {
  std::uint8_t target = 0;
  std::uint16_t lun = 0;
  ScsiCommand command;
  ScsiTransfer direction = ScsiTransfer::kRead;
  std::span<const PhysSegment> segments;  // stays valid until done; may be empty
  // residual: bytes of the segments that were not moved. present: whether there is such a target at all.
  struct Outcome {
    bool present;
    ScsiVerdict verdict;
    std::uint32_t residual;
  };
  void (*done)(void* context, const Outcome& outcome) = nullptr;  // in interrupt context
  void* context = nullptr;
};

class VirtioScsiQueue final : public VirtioInterruptTarget {
 public:
  explicit VirtioScsiQueue(std::unique_ptr<VirtioTransport> transport) : transport_(std::move(transport)) {}

  // Everything up to a running device.
  Result<void> start();
  void abandon() { fail_device(*transport_); }
  const char* where() const { return transport_->name(); }
  bool interrupts_connected() const { return interrupts_connected_; }

  std::size_t max_segments() const { return max_segments_; }
  std::uint16_t last_target() const { return last_target_; }
  std::uint32_t last_lun() const { return last_lun_; }

  // Copies the exchange; waits for a free slot. kEIO: the device has failed, and done is not called.
  Result<void> submit(const ScsiExchange& exchange);
  // Waits for the outcome. kEIO: the device has failed or does not answer.
  Result<ScsiExchange::Outcome> run(ScsiExchange exchange);

  bool handle_queues() override;
  void handle_configuration_change() override {}

 private:
  static constexpr std::size_t kSlots = 16;
  static constexpr std::size_t kTableEntries = 60;
  struct Shared;
  struct Slot {
    bool used = false;
    unsigned tries = 0;
    ScsiExchange exchange;
  };
  struct Completed {
    ScsiExchange exchange;
    ScsiExchange::Outcome outcome;
  };
  enum class Queued : std::uint8_t { kYes, kFull, kDeviceFailed };

  Queued try_queue(const ScsiExchange& exchange);
  Result<void> add_to_ring_locked(std::size_t slot) REQUIRES(lock_);
  bool take_completed(Completed& completed);
  ScsiExchange::Outcome outcome_of(std::size_t slot) const;
  void fail_all();
  Shared* shared(std::size_t slot) const;

  const std::unique_ptr<VirtioTransport> transport_;
  DmaMemory slots_memory_;
  // Constant after start().
  bool interrupts_connected_ = false, indirect_ = false;
  std::size_t max_segments_ = 1;
  std::uint16_t last_target_ = 0;
  std::uint32_t last_lun_ = 0;

  SpinLock lock_{LockRank::kDeviceQueue};
  OwnedQueue queue_ GUARDED_BY(lock_);
  Slot slots_[kSlots] GUARDED_BY(lock_);
  bool failed_ GUARDED_BY(lock_) = false;
  WaitQueue slot_freed_;
};

}  // namespace mokapot
