// SPDX-License-Identifier: Apache-2.0
//
// Which disks there are, and each as a BlockDevice. All is const once a disk is registered; commands in flight are
// the queue's (virtio_scsi_queue.h).

#include "drivers/virtio_scsi.h"

#include <algorithm>
#include <cstring>

#include "device/block_device.h"
#include "drivers/virtio_scsi_queue.h"
#include "drivers/virtio_start.h"
#include "sched/thread.h"
#include "sync/context.h"
#include "time/clock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr std::size_t kAnswerRoom = 252;  // of commands that say how much they want in one byte
constexpr std::size_t kLongAnswerRoom = 1024;
constexpr std::size_t kMostLuns = kMaxBlockDevices;
constexpr std::size_t kMostSerial = 36;

// Asks, and looks at the answer. One at a time.
class Questioner {
 public:
  Questioner(VirtioScsiQueue& queue, DmaMemory& memory) : queue_(queue), memory_(memory) {}

  // What came, empty where nothing did: the verdict says why. kENODEV: there is no such target.
  struct Answer {
    ScsiVerdict verdict;
    std::span<const std::uint8_t> bytes;
  };
  Result<Answer> ask(const ScsiCommand& command, std::size_t room) {
    const PhysSegment segment{memory_.address(), static_cast<std::uint32_t>(room)};
    ScsiExchange exchange;
    exchange.target = target;
    exchange.lun = lun;
    exchange.command = command;
    if (room > 0) exchange.segments = std::span(&segment, 1);
    std::memset(memory_.at<std::uint8_t>(), 0, kLongAnswerRoom);
    const ScsiExchange::Outcome outcome = TRY(queue_.run(exchange));
    if (!outcome.present) return Errno::kENODEV;
    const bool done = outcome.verdict == ScsiVerdict::kDone;
    const std::size_t size = done ? room - std::min<std::size_t>(outcome.residual, room) : 0;
    return Answer{outcome.verdict, {memory_.at<std::uint8_t>(), size}};
  }

  std::uint8_t target = 0;
  std::uint16_t lun = 0;

 private:
  VirtioScsiQueue& queue_;
  DmaMemory& memory_;
};

class ScsiDisk final : public BlockDevice {
 public:
  ScsiDisk(VirtioScsiQueue& queue, std::uint8_t target, std::uint16_t lun)
      : queue_(queue), target_(target), lun_(lun) {}

  // Everything that is asked before use.
  Result<void> start(Questioner& questioner);

  const char* name_prefix() const override { return "sd"; }
  const char* serial() const override { return serial_; }
  std::uint64_t size() const override { return capacity_.blocks * capacity_.block_size; }
  std::uint32_t sector_size() const override { return capacity_.block_size; }
  bool read_only() const override { return read_only_; }
  std::size_t max_segments() const override { return queue_.max_segments(); }
  void submit(BlockRequest& request) override;

 private:
  Result<void> wait_until_ready(Questioner& questioner);
  Result<ScsiExchange> exchange_of(const BlockRequest& request) const;

  VirtioScsiQueue& queue_;
  const std::uint8_t target_;
  const std::uint16_t lun_;
  // Constant after start().
  ScsiCapacity capacity_{};
  bool read_only_ = false;
  char serial_[kMostSerial + 1] = {};
};

// A disk that spins up, or a host that is not there yet.
Result<void> ScsiDisk::wait_until_ready(Questioner& questioner) {
  const Instant deadline = now() + Duration::seconds(10);
  while (true) {
    const auto answer = TRY(questioner.ask(scsi_test_unit_ready(), 0));
    if (answer.verdict == ScsiVerdict::kDone) return {};
    const bool later = answer.verdict == ScsiVerdict::kLater || answer.verdict == ScsiVerdict::kAgain;
    if (!later || now() >= deadline) return Errno::kEIO;
    (void)sleep_until(now() + Duration::milliseconds(50), Interruptible::kNo).ok();  // nothing interrupts
  }
}

Result<void> ScsiDisk::start(Questioner& questioner) {
  TRY(wait_until_ready(questioner));
  std::optional<ScsiCapacity> capacity;
  auto answer = TRY(questioner.ask(scsi_read_capacity10(), 8));
  if (scsi_wants_capacity16(answer.bytes)) {
    answer = TRY(questioner.ask(scsi_read_capacity16(32), 32));
    capacity = scsi_parse_capacity16(answer.bytes);
  } else {
    capacity = scsi_parse_capacity10(answer.bytes);
  }
  if (!capacity) return Errno::kEIO;
  capacity_ = *capacity;
  // Neither has to be there.
  answer = TRY(questioner.ask(scsi_inquiry_serial(kAnswerRoom), kAnswerRoom));
  (void)scsi_parse_serial(answer.bytes, serial_);
  answer = TRY(questioner.ask(scsi_mode_sense(kAnswerRoom), kAnswerRoom));
  read_only_ = scsi_is_write_protected(answer.bytes);
  return {};
}

Result<ScsiExchange> ScsiDisk::exchange_of(const BlockRequest& request) const {
  ScsiExchange exchange;
  exchange.target = target_;
  exchange.lun = lun_;
  if (request.kind == BlockRequest::Kind::kFlush) {
    exchange.command = scsi_synchronize_cache();
    return exchange;
  }
  const bool writes = request.kind == BlockRequest::Kind::kWrite;
  if (writes && read_only_) return Errno::kEROFS;
  if (request.segments.empty() || request.segments.size() > max_segments()) return Errno::kEINVAL;
  std::uint64_t total = 0;
  for (const PhysSegment& segment : request.segments) {
    if (segment.size == 0) return Errno::kEINVAL;
    total += segment.size;
  }
  if (!is_aligned(request.offset | total, sector_size())) return Errno::kEINVAL;
  if (request.offset > size() || total > size() - request.offset) return Errno::kEIO;  // as past a disk's end
  exchange.direction = writes ? ScsiTransfer::kWrite : ScsiTransfer::kRead;
  exchange.command = scsi_transfer(exchange.direction, request.offset / sector_size(),
                                   static_cast<std::uint32_t>(total / sector_size()));
  exchange.segments = request.segments;
  return exchange;
}

void ScsiDisk::submit(BlockRequest& request) {
  ASSERT_MAY_BLOCK();
  auto made = exchange_of(request);
  if (!made.ok()) return request.done(request, made.error());
  ScsiExchange exchange = made.take();
  count_queued(request);
  exchange.context = &request;
  exchange.done = [](void* context, const ScsiExchange::Outcome& outcome) {
    auto& finished = *static_cast<BlockRequest*>(context);
    const bool flush = finished.kind == BlockRequest::Kind::kFlush;
    // A disk without a cache does not know the command.
    const bool done = outcome.present && outcome.residual == 0 &&
                      (outcome.verdict == ScsiVerdict::kDone || (flush && outcome.verdict == ScsiVerdict::kUnknown));
    end_request(finished, done ? Result<void>() : Result<void>(
        outcome.verdict == ScsiVerdict::kDone ? Errno::kEIO : scsi_error(outcome.verdict)));
  };
  if (!queue_.submit(exchange).ok()) end_request(request, Errno::kEIO);
}

// Registers the disk at the questioner's address, if it is one.
void add_disk(VirtioScsiQueue& queue, Questioner& questioner) {
  const auto inquiry = questioner.ask(scsi_inquiry(kAnswerRoom), kAnswerRoom);
  if (!inquiry.ok() || !scsi_is_disk(inquiry.value().bytes)) return;
  auto made = make_unique_or_error<ScsiDisk>(queue, questioner.target, questioner.lun);
  Result<void> outcome = made.ok() ? made.value()->start(questioner) : Result<void>(made.error());
  if (outcome.ok()) outcome = register_block_device(made.value().get());
  if (!outcome.ok()) {
    LOG_ERROR("virtio-scsi %s: target %u LUN %u: not usable: %s", queue.where(), questioner.target, questioner.lun,
              errno_name(outcome.error()));
    return;
  }
  const ScsiDisk* disk = made.take().release();  // lives for good
  LOG_INFO("virtio-scsi %s: target %u LUN %u: %llu KiB%s, serial \"%s\"", queue.where(), questioner.target,
           questioner.lun, static_cast<unsigned long long>(disk->size() >> 10),
           disk->read_only() ? ", read-only" : "", disk->serial());
}

Result<void> scan(VirtioScsiQueue* queue) {
  DmaMemory memory = TRY(DmaMemory::allocate(kLongAnswerRoom));
  Questioner questioner(*queue, memory);
  for (unsigned target = 0; target <= queue->last_target(); ++target) {
    questioner.target = static_cast<std::uint8_t>(target);
    questioner.lun = 0;
    const auto answer = questioner.ask(scsi_report_luns(kLongAnswerRoom), kLongAnswerRoom);
    if (!answer.ok() && answer.error() == Errno::kENODEV) continue;
    if (!answer.ok()) return answer.error();
    std::uint16_t luns[kMostLuns] = {};
    // A target that does not tell has LUN 0.
    const std::size_t count = std::max<std::size_t>(scsi_parse_luns(answer.value().bytes, luns), 1);
    for (std::size_t i = 0; i < count; ++i) {
      if (luns[i] > queue->last_lun()) continue;
      questioner.lun = luns[i];
      add_disk(*queue, questioner);
    }
  }
  return {};
}

}  // namespace

void start_virtio_scsi(std::unique_ptr<VirtioTransport> transport) {
  (void)start_virtio_device<VirtioScsiQueue>("virtio-scsi", std::move(transport), scan);
}

}  // namespace mokapot
