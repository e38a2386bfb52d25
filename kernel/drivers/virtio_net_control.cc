// SPDX-License-Identifier: Apache-2.0

#include "drivers/virtio_net_control.h"

#include <cstring>

#include "base/assert.h"
#include "time/clock.h"

namespace mokapot {
namespace {

constexpr std::uint8_t kAnswerOk = 0;
constexpr std::uint8_t kAnswerPending = 0xff;
constexpr std::uint16_t kDescriptors = 3;  // of a command
constexpr Duration kPatience = Duration::seconds(5);

}  // namespace

Result<void> NetControlQueue::set_up(std::uint16_t index, std::uint64_t features) {
  memory_ = TRY(DmaMemory::allocate(sizeof(Command)));
  OwnedQueue queue = TRY(set_up_queue(transport_, index, kQueueSize, features));
  if (queue.rings.size() < kDescriptors) return Errno::kENODEV;
  index_ = index;
  IrqSpinGuard guard(lock_);
  queue_ = std::move(queue);
  (void)queue_.rings.enable_interrupt();
  return {};
}

Result<void> NetControlQueue::send(Class command_class, std::uint8_t command,
                                   std::span<const std::byte> data) {
  using Direction = DmaBuffer::Direction;
  ASSERT(!data.empty() && data.size() <= kMaxData);
  Command& shared = *memory_.at<Command>();
  shared.command_class = static_cast<std::uint8_t>(command_class);
  shared.command = command;
  std::memcpy(shared.data, data.data(), data.size());
  shared.answer = kAnswerPending;
  answered_.store(false, std::memory_order_relaxed);
  const DmaBuffer chain[kDescriptors] = {
      {memory_.address(), offsetof(Command, data), Direction::kDeviceReads},
      {memory_.address(offsetof(Command, data)), static_cast<std::uint32_t>(data.size()),
       Direction::kDeviceReads},
      {memory_.address(offsetof(Command, answer)), sizeof(Command::answer),
       Direction::kDeviceWrites}};
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    if (!queue_.rings.add(chain, 0).ok()) return Errno::kEIO;
    notify = queue_.rings.publish();
  }
  if (notify) transport_.notify(index_);
  (void)wait_until(answered_queue_, now() + kPatience, Interruptible::kNo,
                   [this] { return answered_.load(std::memory_order_acquire); });
  if (!answered_.load(std::memory_order_acquire)) return Errno::kEIO;
  // SAFETY: the device is done with it; volatile, since it wrote behind the compiler's back.
  const std::uint8_t answer = *const_cast<volatile std::uint8_t*>(&shared.answer);
  return answer == kAnswerOk ? Result<void>() : Errno::kEIO;
}

void NetControlQueue::handle_interrupt() {
  bool any = false;
  {
    IrqSpinGuard guard(lock_);
    do {
      while (queue_.rings.take()) any = true;
    } while (!queue_.rings.enable_interrupt());
  }
  if (!any) return;
  answered_.store(true, std::memory_order_release);
  answered_queue_.wake_all();
}

}  // namespace mokapot
