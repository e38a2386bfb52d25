// SPDX-License-Identifier: Apache-2.0
//
// The registry of disks, and the blocking form of a transfer.
//
// Disks are registered by boot's one thread before anyone looks them up, and never taken away: the
// table is constant from then on and needs no lock.

#include "device/block_device.h"

#include <atomic>
#include <string_view>

#include "sched/thread.h"
#include "sync/context.h"
#include "time/clock.h"

namespace mokapot {
namespace {

constinit BlockDevice* devices[kMaxBlockDevices] = {};
constinit std::size_t device_count = 0;

// What a blocked transfer shares with the interrupt that ends it.
struct Transfer {
  RefPtr<Thread> thread;
  Errno error{};
  bool failed = false;
  std::atomic<bool> complete{false};
};

void complete_transfer(BlockRequest& request, Result<void> outcome) {
  // SAFETY: transfer() below put its Transfer there.
  auto& transfer = *static_cast<Transfer*>(request.context);
  if (!outcome.ok()) {
    transfer.failed = true;
    transfer.error = outcome.error();
  }
  // Once complete is seen, the waiter may return and transfer's memory is gone: the thread is kept
  // alive by a reference of our own.
  RefPtr<Thread> thread = transfer.thread;
  transfer.complete.store(true, std::memory_order_release);
  thread->wake();
}

}  // namespace

Result<void> register_block_device(BlockDevice* device) {
  if (device_count == kMaxBlockDevices) return Errno::kENOSPC;
  devices[device_count++] = device;
  return {};
}

BlockDevice* find_block_device(const char* serial) {
  for (std::size_t i = 0; i < device_count; ++i) {
    if (std::string_view(devices[i]->serial()) == serial) return devices[i];
  }
  return nullptr;
}

BlockDevice* block_device(std::size_t index) {
  return index < device_count ? devices[index] : nullptr;
}

std::uint64_t block_bytes(BlockRequest::Kind kind) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < device_count; ++i) {
    const BlockStatistics statistics = devices[i]->statistics();
    bytes += kind == BlockRequest::Kind::kRead ? statistics.read.bytes : statistics.write.bytes;
  }
  return bytes;
}

// Whoever moves busy_until_ on counts the time up to it, so no span is counted twice.
void BlockDevice::note_busy(Instant time, bool was_busy) {
  std::int64_t until = busy_until_.load(std::memory_order_relaxed);
  if (time.nanoseconds() <= until ||
      !busy_until_.compare_exchange_strong(until, time.nanoseconds(), std::memory_order_relaxed))
    return;
  if (was_busy) busy_.fetch_add(time.nanoseconds() - until, std::memory_order_relaxed);
}

void BlockDevice::count_queued(BlockRequest& request) {
  request.device = this;
  request.queued = now();
  note_busy(request.queued, in_flight_.fetch_add(1, std::memory_order_relaxed) != 0);
}

void BlockDevice::end_request(BlockRequest& request, Result<void> outcome) {
  const Instant ended = now();
  BlockDevice& device = *request.device;
  device.note_busy(ended, true);
  device.in_flight_.fetch_sub(1, std::memory_order_relaxed);
  Counters& counters = device.counters_[static_cast<std::size_t>(request.kind)];
  std::uint64_t bytes = 0;
  for (const PhysSegment& segment : request.segments) bytes += segment.size;
  counters.requests.fetch_add(1, std::memory_order_relaxed);
  counters.bytes.fetch_add(bytes, std::memory_order_relaxed);
  counters.nanoseconds.fetch_add((ended - request.queued).nanoseconds(), std::memory_order_relaxed);
  request.done(request, std::move(outcome));
}

BlockStatistics BlockDevice::statistics() const {
  const auto direction = [this](BlockRequest::Kind kind) {
    const Counters& counters = counters_[static_cast<std::size_t>(kind)];
    return BlockStatistics::Direction{
        counters.requests.load(std::memory_order_relaxed),
        counters.bytes.load(std::memory_order_relaxed),
        Duration::nanoseconds(counters.nanoseconds.load(std::memory_order_relaxed))};
  };
  return {direction(BlockRequest::Kind::kRead), direction(BlockRequest::Kind::kWrite),
          direction(BlockRequest::Kind::kFlush), in_flight_.load(std::memory_order_relaxed),
          Duration::nanoseconds(busy_.load(std::memory_order_relaxed))};
}

Result<void> BlockDevice::transfer(BlockRequest::Kind kind, std::uint64_t offset,
                                   std::span<const PhysSegment> segments) {
  ASSERT_MAY_BLOCK();
  Transfer transfer;
  transfer.thread = RefPtr<Thread>(&current_thread());
  BlockRequest request;
  request.kind = kind;
  request.offset = offset;
  request.segments = segments;
  request.done = &complete_transfer;
  request.context = &transfer;
  submit(request);
  // Not interruptible: the device writes to the caller's frames until it is done.
  while (true) {
    prepare_to_block();
    if (transfer.complete.load(std::memory_order_acquire)) {
      cancel_block();
      break;
    }
    (void)block(Instant::never(), Interruptible::kNo);
  }
  if (transfer.failed) return transfer.error;
  return {};
}

}  // namespace mokapot
