// SPDX-License-Identifier: Apache-2.0
//
// A fixed number of slots bounds what is in flight. A slot has the request's header, its status
// byte and an indirect table, all in memory that the device may reach; with VIRTIO_F_INDIRECT_DESC
// a request takes one descriptor of the ring, without it one for each segment and two more.
//
// Lock: lock_ (rank kDeviceQueue), interrupts off: slots, ring. Completions are called without it,
// in interrupt context. Invariant: a slot is free or belongs to one request that the device has.

#include "drivers/virtio_block.h"

#include <algorithm>
#include <cstring>

#include "device/block_device.h"
#include "drivers/virtio_start.h"
#include "sched/wait_queue.h"
#include "sync/context.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr unsigned kFeatureMaxSegmentSize = 1;
constexpr unsigned kFeatureMaxSegments = 2;
constexpr unsigned kFeatureReadOnly = 5;
constexpr unsigned kFeatureBlockSize = 6;
constexpr unsigned kFeatureFlush = 9;

constexpr std::uint32_t kConfigurationCapacity = 0;
constexpr std::uint32_t kConfigurationMaxSegmentSize = 8;
constexpr std::uint32_t kConfigurationMaxSegments = 12;
constexpr std::uint32_t kConfigurationBlockSize = 20;

constexpr std::uint32_t kVirtioSector =
    512;  // the unit of capacity and addresses, whatever the block size
constexpr std::uint16_t kRequestQueue = 0;
constexpr std::uint16_t kQueueSize = 128;
constexpr std::size_t kSlots = 16;
constexpr std::size_t kTableEntries = 60;                // all slots fit 16 KiB
constexpr std::size_t kMaxSegments = kTableEntries - 2;  // header and status

enum RequestType : std::uint32_t { kTypeRead = 0, kTypeWrite = 1, kTypeFlush = 4, kTypeGetId = 8 };
enum RequestStatus : std::uint8_t { kStatusOk = 0, kStatusUnsupported = 2, kStatusPending = 0xff };
constexpr std::size_t kSerialSize = 20;

// The part of a slot that the device reads and writes.
struct SharedSlot {
  struct {
    std::uint32_t type;
    std::uint32_t reserved;
    std::uint64_t sector;
  } header;
  std::uint8_t status;
  char serial[kSerialSize];
  alignas(16) VirtqDescriptor table[kTableEntries];
};
static_assert(kSlots * sizeof(SharedSlot) <= 4 * kPageSize);

class VirtioBlock final : public BlockDevice, public VirtioInterruptTarget {
 public:
  explicit VirtioBlock(std::unique_ptr<VirtioTransport> transport)
      : transport_(std::move(transport)) {}

  // Everything up to a running device.
  Result<void> start();
  // Gives the device up, if start() did not get through.
  void abandon() { fail_device(*transport_); }
  const char* where() const { return transport_->name(); }
  bool interrupts_connected() const { return interrupts_connected_; }

  const char* serial() const override { return serial_; }
  std::uint64_t size() const override { return size_; }
  std::uint32_t sector_size() const override { return sector_size_; }
  bool read_only() const override { return read_only_; }
  std::size_t max_segments() const override { return max_segments_; }
  void submit(BlockRequest& request) override;

  bool handle_queues() override;
  void handle_configuration_change() override {
    LOG_INFO("virtio-blk %s: the host changed the disk's size; the old one stays in use", where());
  }

 private:
  struct Slot {
    BlockRequest* request = nullptr;  // nullptr: free
  };
  enum class Queued : std::uint8_t { kYes, kFull, kDeviceFailed };

  void read_limits(std::uint64_t features);
  Result<void> read_serial();
  Result<std::uint32_t> type_of(const BlockRequest& request) const;
  Queued try_queue(BlockRequest& request, std::uint32_t type);
  Result<void> add_to_ring_locked(std::size_t slot, std::uint32_t type,
                                  std::span<const PhysSegment> segments) REQUIRES(lock_);
  SharedSlot* shared(std::size_t slot) const {
    return slots_memory_.at<SharedSlot>(slot * sizeof(SharedSlot));
  }
  PhysAddr shared_address(std::size_t slot, std::size_t offset) const {
    return slots_memory_.address(slot * sizeof(SharedSlot) + offset);
  }
  BlockRequest* take_completed(Result<void>& outcome);
  void fail_all();

  const std::unique_ptr<VirtioTransport> transport_;
  DmaMemory slots_memory_;
  // Constant after start().
  bool interrupts_connected_ = false, indirect_ = false, read_only_ = false, flush_ = false;
  std::uint64_t size_ = 0;
  std::uint32_t sector_size_ = kVirtioSector;
  std::uint32_t max_segment_size_ = UINT32_MAX;
  std::size_t max_segments_ = 1;
  char serial_[kSerialSize + 1] = {};

  SpinLock lock_{LockRank::kDeviceQueue};
  OwnedQueue queue_ GUARDED_BY(lock_);
  Slot slots_[kSlots] GUARDED_BY(lock_);
  bool failed_ GUARDED_BY(lock_) = false;
  WaitQueue slot_freed_;
};

Result<void> VirtioBlock::start() {
  const std::uint64_t features = TRY(
      negotiate(*transport_, feature_bit(kFeatureIndirect) | feature_bit(kFeatureEventIndex) |
                                 feature_bit(kFeatureMaxSegmentSize) |
                                 feature_bit(kFeatureMaxSegments) | feature_bit(kFeatureReadOnly) |
                                 feature_bit(kFeatureBlockSize) | feature_bit(kFeatureFlush)));
  slots_memory_ = TRY(DmaMemory::allocate(kSlots * sizeof(SharedSlot)));
  TRY(transport_->connect(*this));
  interrupts_connected_ = true;
  OwnedQueue queue = TRY(set_up_queue(*transport_, kRequestQueue, kQueueSize, features));
  read_limits(features);
  if (!indirect_) {
    if (queue.rings.size() < 3) return Errno::kENODEV;
    max_segments_ = std::min<std::size_t>(max_segments_, queue.rings.size() - 2);
  }
  {
    IrqSpinGuard guard(lock_);
    queue_ = std::move(queue);
    (void)queue_.rings.enable_interrupt();
  }
  start_device(*transport_);
  return read_serial();
}

void VirtioBlock::read_limits(std::uint64_t features) {
  const auto has = [features](unsigned feature) { return (features & feature_bit(feature)) != 0; };
  indirect_ = has(kFeatureIndirect);
  read_only_ = has(kFeatureReadOnly);
  flush_ = has(kFeatureFlush);
  const std::uint64_t capacity = read_configuration64(*transport_, kConfigurationCapacity);
  size_ = std::min(capacity, UINT64_MAX / kVirtioSector) * kVirtioSector;
  if (has(kFeatureBlockSize)) {
    const std::uint32_t block_size = transport_->read_configuration32(kConfigurationBlockSize);
    const bool sensible = block_size >= kVirtioSector && (block_size & (block_size - 1)) == 0 &&
                          block_size <= kPageSize;
    if (sensible) sector_size_ = block_size;
  }
  // Without the feature one segment is all that the specification promises.
  if (has(kFeatureMaxSegments)) {
    const std::uint32_t limit = transport_->read_configuration32(kConfigurationMaxSegments);
    max_segments_ = std::clamp<std::size_t>(limit, 1, kMaxSegments);
  }
  if (has(kFeatureMaxSegmentSize)) {
    const std::uint32_t limit = transport_->read_configuration32(kConfigurationMaxSegmentSize);
    if (limit != 0) max_segment_size_ = limit;
  }
}

Result<std::uint32_t> VirtioBlock::type_of(const BlockRequest& request) const {
  if (request.kind == BlockRequest::Kind::kFlush) return std::uint32_t{kTypeFlush};
  if (request.kind == BlockRequest::Kind::kWrite && read_only_) return Errno::kEROFS;
  if (request.segments.empty() || request.segments.size() > max_segments_) return Errno::kEINVAL;
  std::uint64_t total = 0;
  for (const PhysSegment& segment : request.segments) {
    if (segment.size == 0 || segment.size > max_segment_size_) return Errno::kEINVAL;
    total += segment.size;
  }
  if (!is_aligned(request.offset | total, sector_size_)) return Errno::kEINVAL;
  if (request.offset > size_ || total > size_ - request.offset)
    return Errno::kEIO;  // as past a disk's end
  return std::uint32_t{request.kind == BlockRequest::Kind::kWrite ? kTypeWrite : kTypeRead};
}

void VirtioBlock::submit(BlockRequest& request) {
  ASSERT_MAY_BLOCK();
  const Result<std::uint32_t> type = type_of(request);
  if (!type.ok()) return request.done(request, type.error());
  // A device without a write cache has nothing to flush.
  if (request.kind == BlockRequest::Kind::kFlush && !flush_) return request.done(request, {});
  count_queued(request);
  Queued queued = Queued::kFull;
  (void)wait_until(slot_freed_, Instant::never(), Interruptible::kNo, [&] {
    queued = try_queue(request, type.value());
    return queued != Queued::kFull;
  });
  if (queued == Queued::kDeviceFailed) end_request(request, Errno::kEIO);
}

VirtioBlock::Queued VirtioBlock::try_queue(BlockRequest& request, std::uint32_t type) {
  bool notify = false;
  {
    IrqSpinGuard guard(lock_);
    if (failed_) return Queued::kDeviceFailed;
    const auto free = std::find_if(std::begin(slots_), std::end(slots_),
                                   [](const Slot& slot) { return slot.request == nullptr; });
    if (free == std::end(slots_)) return Queued::kFull;
    const auto slot = static_cast<std::size_t>(free - std::begin(slots_));
    SharedSlot& memory = *shared(slot);
    const bool addressed = type == kTypeRead || type == kTypeWrite;
    memory.header = {type, 0, addressed ? request.offset / kVirtioSector : 0};
    memory.status = kStatusPending;
    const Result<void> added = add_to_ring_locked(slot, type, request.segments);
    if (!added.ok()) return added.error() == Errno::kENOSPC ? Queued::kFull : Queued::kDeviceFailed;
    free->request = &request;
    notify = queue_.rings.publish();
  }
  // Without the lock: a hypervisor that works in the notifying CPU's own time would keep interrupts
  // off.
  if (notify) transport_->notify(kRequestQueue);
  return Queued::kYes;
}

Result<void> VirtioBlock::add_to_ring_locked(std::size_t slot, std::uint32_t type,
                                             std::span<const PhysSegment> segments) {
  using Direction = DmaBuffer::Direction;
  const Direction direction =
      type == kTypeWrite ? Direction::kDeviceReads : Direction::kDeviceWrites;
  DmaBuffer buffers[kTableEntries];
  std::size_t count = 0;
  buffers[count++] = {shared_address(slot, offsetof(SharedSlot, header)),
                      sizeof(SharedSlot::header), Direction::kDeviceReads};
  if (type != kTypeFlush) {
    for (const PhysSegment& segment : segments)
      buffers[count++] = {segment.address, segment.size, direction};
  }
  buffers[count++] = {shared_address(slot, offsetof(SharedSlot, status)),
                      sizeof(SharedSlot::status), Direction::kDeviceWrites};
  const std::span used(buffers, count);
  const auto token = static_cast<std::uint32_t>(slot);
  if (!indirect_) return queue_.rings.add(used, token);
  return queue_.rings.add_indirect(shared(slot)->table,
                                   shared_address(slot, offsetof(SharedSlot, table)), used, token);
}

// The next request that the device is done with, its slot free again; nullptr if there is none.
BlockRequest* VirtioBlock::take_completed(Result<void>& outcome) {
  IrqSpinGuard guard(lock_);
  while (true) {
    const auto completion = queue_.rings.take();
    if (!completion) {
      if (queue_.rings.enable_interrupt()) return nullptr;
      continue;  // one more came before interrupts were on
    }
    const std::size_t slot = completion->token;
    // SAFETY: the device has written the status and is done with the slot.
    const std::uint8_t status = *const_cast<volatile std::uint8_t*>(&shared(slot)->status);
    if (status == kStatusOk)
      outcome = Result<void>();
    else
      outcome = status == kStatusUnsupported ? Errno::kEOPNOTSUPP : Errno::kEIO;
    return std::exchange(slots_[slot].request, nullptr);
  }
}

bool VirtioBlock::handle_queues() {
  Result<void> outcome;
  bool any = false;
  while (BlockRequest* request = take_completed(outcome)) {
    any = true;
    end_request(*request, std::move(outcome));
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
void VirtioBlock::fail_all() {
  LOG_ERROR("virtio-blk %s: the device broke the protocol and has been stopped", where());
  fail_device(*transport_);
  for (std::size_t i = 0; i < kSlots; ++i) {
    BlockRequest* request = nullptr;
    {
      IrqSpinGuard guard(lock_);
      request = std::exchange(slots_[i].request, nullptr);
    }
    if (request != nullptr) end_request(*request, Errno::kEIO);
  }
}

Result<void> VirtioBlock::read_serial() {
  // The answer is written to memory of the device's own, so that one that comes after we gave up
  // hurts nobody.
  const PhysSegment segment{shared_address(0, offsetof(SharedSlot, serial)), kSerialSize};
  struct Answer {
    std::atomic<bool> complete{false};
    Errno error{};
    bool failed = false;
  } answer;
  BlockRequest request;
  request.segments = std::span(&segment, 1);
  request.context = &answer;
  request.done = [](BlockRequest& finished, Result<void> outcome) {
    auto& waiting = *static_cast<Answer*>(finished.context);
    waiting.failed = !outcome.ok();
    if (waiting.failed) waiting.error = outcome.error();
    waiting.complete.store(true, std::memory_order_release);
  };
  count_queued(request);
  if (try_queue(request, kTypeGetId) != Queued::kYes) return Errno::kEIO;
  // handle_queues wakes slot_freed_ after every completion.
  const Instant deadline = now() + Duration::seconds(10);
  (void)wait_until(slot_freed_, deadline, Interruptible::kNo,
                   [&] { return answer.complete.load(std::memory_order_acquire); });
  if (!answer.complete.load(std::memory_order_acquire)) {
    LOG_ERROR("virtio-blk %s: the device does not answer", where());
    {
      IrqSpinGuard guard(lock_);
      failed_ = true;
      slots_[0].request = nullptr;
    }
    return Errno::kEIO;
  }
  // A device that has no serial number says "unsupported".
  if (!answer.failed) std::memcpy(serial_, shared(0)->serial, kSerialSize);
  return {};
}

}  // namespace

void start_virtio_block(std::unique_ptr<VirtioTransport> transport) {
  const auto* device = start_virtio_device<VirtioBlock>("virtio-blk", std::move(transport), register_block_device);
  if (device == nullptr) return;
  LOG_INFO("virtio-blk %s: %llu KiB%s, serial \"%s\"", device->where(),
           static_cast<unsigned long long>(device->size() >> 10),
           device->read_only() ? ", read-only" : "", device->serial());
}

}  // namespace mokapot
