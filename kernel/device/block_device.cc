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
