// SPDX-License-Identifier: Apache-2.0

#include "drivers/virtio_scsi_queue.h"

#include <algorithm>
#include <cstring>

#include "sched/thread.h"
#include "sync/context.h"
#include "time/clock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

// Of the device's configuration.
constexpr std::uint32_t kConfigurationMaxSegments = 4;
constexpr std::uint32_t kConfigurationMaxTarget = 30;
constexpr std::uint32_t kConfigurationMaxLun = 32;

constexpr std::uint16_t kRequestQueue = 2;
constexpr std::uint16_t kQueueSize = 128;
constexpr unsigned kMostTries = 6;
constexpr std::size_t kCommandBytes = 32, kSenseBytes = 96;  // what both are unless the driver writes others

enum Response : std::uint8_t { kOk = 0, kBadTarget = 3, kReset = 4, kBusy = 5, kIncorrectLun = 12, kPending = 0xff };

struct [[gnu::packed]] Request {
  std::uint8_t lun[8];
  std::uint64_t id;
  std::uint8_t attribute;  // 0: simple
  std::uint8_t priority;
  std::uint8_t reference;
  std::uint8_t command[kCommandBytes];
};
static_assert(sizeof(Request) == 51);

struct [[gnu::packed]] Answer {
  std::uint32_t sense_size;
  std::uint32_t residual;
  std::uint16_t qualifier;
  std::uint8_t status;
  std::uint8_t response;
  std::uint8_t sense[kSenseBytes];
};
static_assert(sizeof(Answer) == 108);

}  // namespace

// The part of a slot that the device reads and writes.
struct VirtioScsiQueue::Shared {
  Request request;
  Answer answer;
  alignas(16) VirtqDescriptor table[kTableEntries];
};

VirtioScsiQueue::Shared* VirtioScsiQueue::shared(std::size_t slot) const {
  return slots_memory_.at<Shared>(slot * sizeof(Shared));
}

Result<void> VirtioScsiQueue::start() {
  const std::uint64_t features =
      TRY(negotiate(*transport_, feature_bit(kFeatureIndirect) | feature_bit(kFeatureEventIndex)));
  slots_memory_ = TRY(DmaMemory::allocate(kSlots * sizeof(Shared)));
  TRY(transport_->connect(*this));
  interrupts_connected_ = true;
  OwnedQueue queue = TRY(set_up_queue(*transport_, kRequestQueue, kQueueSize, features));
  indirect_ = (features & feature_bit(kFeatureIndirect)) != 0;
  const std::uint32_t segments = transport_->read_configuration32(kConfigurationMaxSegments);
  max_segments_ = std::clamp<std::size_t>(segments, 1, kTableEntries - 2);
  if (!indirect_) {
    if (queue.rings.size() < 3) return Errno::kENODEV;
    max_segments_ = std::min<std::size_t>(max_segments_, queue.rings.size() - 2);
  }
  last_target_ = std::min<std::uint16_t>(transport_->read_configuration16(kConfigurationMaxTarget), UINT8_MAX);
  last_lun_ = transport_->read_configuration32(kConfigurationMaxLun);
  {
    IrqSpinGuard guard(lock_);
    queue_ = std::move(queue);
    (void)queue_.rings.enable_interrupt();
  }
  start_device(*transport_);
  return {};
}

Result<void> VirtioScsiQueue::submit(const ScsiExchange& exchange) {
  ASSERT_MAY_BLOCK();
  Queued queued = Queued::kFull;
  (void)wait_until(slot_freed_, Instant::never(), Interruptible::kNo, [&] {
    queued = try_queue(exchange);
    return queued != Queued::kFull;
  });
  if (queued == Queued::kDeviceFailed) return Errno::kEIO;
  return {};
}

VirtioScsiQueue::Queued VirtioScsiQueue::try_queue(const ScsiExchange& exchange) {
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    if (failed_) return Queued::kDeviceFailed;
    const auto free = std::find_if(std::begin(slots_), std::end(slots_), [](const Slot& slot) { return !slot.used; });
    if (free == std::end(slots_)) return Queued::kFull;
    free->exchange = exchange;
    free->tries = 1;
    const Result<void> added = add_to_ring_locked(static_cast<std::size_t>(free - std::begin(slots_)));
    if (!added.ok()) return added.error() == Errno::kENOSPC ? Queued::kFull : Queued::kDeviceFailed;
    free->used = true;
    notify = queue_.rings.publish();
  }
  if (notify) transport_->notify(kRequestQueue);
  return Queued::kYes;
}

Result<void> VirtioScsiQueue::add_to_ring_locked(std::size_t slot) {
  using Direction = DmaBuffer::Direction;
  const ScsiExchange& exchange = slots_[slot].exchange;
  Shared& memory = *shared(slot);
  memory.request = {};
  memory.request.lun[0] = 1;
  memory.request.lun[1] = exchange.target;
  memory.request.lun[2] = static_cast<std::uint8_t>(0x40 | exchange.lun >> 8);  // flat addressing
  memory.request.lun[3] = static_cast<std::uint8_t>(exchange.lun);
  memory.request.id = slot;
  std::memcpy(memory.request.command, exchange.command.bytes, sizeof(exchange.command.bytes));
  memory.answer = {};
  memory.answer.response = kPending;
  const auto part = [&](std::size_t offset) { return slots_memory_.address(slot * sizeof(Shared) + offset); };
  const bool writes = exchange.direction == ScsiTransfer::kWrite;
  DmaBuffer buffers[kTableEntries];
  std::size_t count = 0;
  // Data for the device comes before the answer, data from it behind.
  buffers[count++] = {part(offsetof(Shared, request)), sizeof(Request), Direction::kDeviceReads};
  if (!writes) buffers[count++] = {part(offsetof(Shared, answer)), sizeof(Answer), Direction::kDeviceWrites};
  for (const PhysSegment& segment : exchange.segments) {
    buffers[count++] = {segment.address, segment.size, writes ? Direction::kDeviceReads : Direction::kDeviceWrites};
  }
  if (writes) buffers[count++] = {part(offsetof(Shared, answer)), sizeof(Answer), Direction::kDeviceWrites};
  const std::span used(buffers, count);
  const auto token = static_cast<std::uint32_t>(slot);
  if (!indirect_) return queue_.rings.add(used, token);
  return queue_.rings.add_indirect(memory.table, part(offsetof(Shared, table)), used, token);
}

ScsiExchange::Outcome VirtioScsiQueue::outcome_of(std::size_t slot) const {
  // The device has written the answer and is done with the slot; what it does to it now is its own affair: one copy.
  const Answer answer = shared(slot)->answer;
  if (answer.response == kBadTarget || answer.response == kIncorrectLun) return {false, ScsiVerdict::kFailed, 0};
  if (answer.response == kReset || answer.response == kBusy) return {true, ScsiVerdict::kAgain, 0};
  if (answer.response != kOk) return {true, ScsiVerdict::kFailed, 0};
  const std::span sense(answer.sense, std::min<std::size_t>(answer.sense_size, kSenseBytes));
  return {true, scsi_verdict(answer.status, scsi_parse_sense(sense)), answer.residual};
}

// The next command that the device is done with, its slot free again. False if there is none.
bool VirtioScsiQueue::take_completed(Completed& completed) {
  bool notify = false, found = false;
  {
    IrqSpinGuard guard(lock_);
    while (!found) {
      const auto completion = queue_.rings.take();
      if (!completion) {
        if (queue_.rings.enable_interrupt()) break;
        continue;  // one more came before interrupts were on
      }
      Slot& slot = slots_[completion->token];
      const ScsiExchange::Outcome outcome = outcome_of(completion->token);
      if (outcome.verdict == ScsiVerdict::kAgain && slot.tries < kMostTries &&
          add_to_ring_locked(completion->token).ok()) {
        ++slot.tries;
        notify |= queue_.rings.publish();
        continue;
      }
      slot.used = false;
      completed = {slot.exchange, outcome};
      found = true;
    }
  }
  if (notify) transport_->notify(kRequestQueue);
  return found;
}

bool VirtioScsiQueue::handle_queues() {
  Completed completed;
  bool any = false;
  while (take_completed(completed)) {
    any = true;
    completed.exchange.done(completed.exchange.context, completed.outcome);
  }
  bool broken = false;
  {
    IrqSpinGuard guard(lock_);
    broken = queue_.rings.broken() && !failed_;
    failed_ |= broken;
  }
  if (broken) fail_all();
  if (any || broken) slot_freed_.wake_all();
  return any;
}

// The device wrote nonsense into the ring: it is stopped, and what it had fails.
void VirtioScsiQueue::fail_all() {
  LOG_ERROR("virtio-scsi %s: the device broke the protocol and has been stopped", where());
  fail_device(*transport_);
  for (std::size_t i = 0; i < kSlots; ++i) {
    ScsiExchange exchange;
    {
      IrqSpinGuard guard(lock_);
      if (!slots_[i].used) continue;
      slots_[i].used = false;
      exchange = slots_[i].exchange;
    }
    exchange.done(exchange.context, {true, ScsiVerdict::kFailed, 0});
  }
}

Result<ScsiExchange::Outcome> VirtioScsiQueue::run(ScsiExchange exchange) {
  struct Waiting {
    std::atomic<bool> complete{false};
    ScsiExchange::Outcome outcome{};
  } waiting;
  exchange.context = &waiting;
  exchange.done = [](void* context, const ScsiExchange::Outcome& outcome) {
    auto& to = *static_cast<Waiting*>(context);
    to.outcome = outcome;
    to.complete.store(true, std::memory_order_release);
  };
  TRY(submit(exchange));
  // handle_queues wakes slot_freed_ after every completion.
  const Instant deadline = now() + Duration::seconds(10);
  (void)wait_until(slot_freed_, deadline, Interruptible::kNo,
                   [&] { return waiting.complete.load(std::memory_order_acquire); });
  if (!waiting.complete.load(std::memory_order_acquire)) {
    LOG_ERROR("virtio-scsi %s: the device does not answer", where());
    // Reset, it writes to nobody's memory any more; and nobody is told of what it had.
    fail_device(*transport_);
    IrqSpinGuard guard(lock_);
    failed_ = true;
    for (Slot& slot : slots_) slot.used = false;
    return Errno::kEIO;
  }
  return waiting.outcome;
}

}  // namespace mokapot
