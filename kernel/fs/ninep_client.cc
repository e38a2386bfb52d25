// SPDX-License-Identifier: Apache-2.0
//
// How requests travel: slots, fids, and the first words with the server. The requests themselves are
// ninep_requests.cc.

#include "fs/ninep_client.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "fs/ninep_exchange.h"
#include "fs/page_cache.h"
#include "memory/frames.h"
#include "trace/log.h"

namespace mokapot {

using namespace ninep;

namespace {

constexpr std::string_view kProtocol = "9P2000.L";
constexpr std::uint32_t kSmallestMessage = 8192;  // a page, a path and their headers
constexpr unsigned kPageSlotOrder = 4;
static_assert((kPageSize << kPageSlotOrder) > PageBacking::kMostFetched * kPageSize + 64);  // with the headers
constexpr std::uint32_t kRoot = 0;  // user number

// Memory for slots where there is little, and where there is enough.
constexpr unsigned kSmallSlotOrder = 4, kLargeSlotOrder = 6;
constexpr std::uint64_t kEnoughFrames = (std::uint64_t{256} << 20) / kPageSize;

}  // namespace

// --- Slots -------------------------------------------------------------------------------------------

NinepClient::NinepClient(MessageChannel& channel) : channel_(channel) {
  for (std::uint16_t i = 0; i < kMostSlots; ++i) slots_[i].tag = i;
  page_slot_.tag = kMostSlots;
}

Result<void> NinepClient::make_slot(Slot& slot, unsigned order) {
  slot.memory = TRY(allocate_frames(order, FrameUse::kDevice, FrameContents::kUninitialised));
  slot.size = static_cast<std::uint32_t>(kPageSize << order);
  return {};
}

NinepClient::Slot* NinepClient::try_acquire(Purpose purpose) {
  IrqSpinGuard guard(slots_lock_);
  const std::span<Slot> candidates = purpose == Purpose::kPage ? std::span(&page_slot_, 1) : std::span(slots_);
  for (Slot& slot : candidates) {
    if (slot.busy) continue;
    // Where there is no memory for one more slot, those that are there go round; start() made the first.
    if (slot.size == 0 && !make_slot(slot, slot_order_).ok()) return nullptr;
    slot.busy = true;
    return &slot;
  }
  return nullptr;
}

NinepClient::Slot& NinepClient::acquire(Purpose purpose) {
  Slot* slot = nullptr;
  (void)wait_until(slot_released_, Instant::never(), Interruptible::kNo, [&] {
    slot = try_acquire(purpose);
    return slot != nullptr;
  });
  return *slot;
}

void NinepClient::release(Slot& slot) {
  {
    IrqSpinGuard guard(slots_lock_);
    slot.busy = false;
  }
  slot_released_.wake_all();
}

Result<MessageReader> NinepClient::Exchange::send() {
  const std::size_t size = TRY(message.finish());
  const std::size_t answer_at = align_up(size, 16);
  slot_.request.message = {slot_.memory, static_cast<std::uint32_t>(size)};
  slot_.request.answer = {slot_.memory + answer_at, static_cast<std::uint32_t>(slot_.size - answer_at)};
  slot_.request.context = &slot_;
  slot_.request.done = [](MessageRequest& request, Result<std::size_t> answer) {
    auto& slot = *static_cast<Slot*>(request.context);
    slot.answer = std::move(answer);
    slot.answered.store(true, std::memory_order_release);
    slot.waiting.wake_all();
  };
  slot_.answered.store(false, std::memory_order_relaxed);
  TRY(client_.channel_.submit(slot_.request));
  (void)wait_until(slot_.waiting, Instant::never(), Interruptible::kNo,
                   [this] { return slot_.answered.load(std::memory_order_acquire); });
  if (!slot_.answer.ok()) return slot_.answer.error();
  // SAFETY: the slot's memory, of which the device has filled that much.
  const auto* answer = static_cast<const std::byte*>(direct_map(slot_.request.answer.address));
  return open_answer({answer, slot_.answer.value()}, type_, tag_);
}

// --- Fids --------------------------------------------------------------------------------------------

void NinepFid::drop_reference() const {
  // Acquire-release: the last owner comes after all that the others did.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  client_.retire(const_cast<NinepFid&>(*this));
}

Result<RefPtr<NinepFid>> NinepClient::new_fid() {
  IrqSpinGuard guard(fids_lock_);
  NinepFid* fid = unused_;
  if (fid != nullptr) {
    unused_ = fid->next_;
  } else {
    if (next_number_ == kNoFid) return Errno::kENFILE;
    fid = new (std::nothrow) NinepFid(*this, next_number_);
    if (fid == nullptr) return Errno::kENOMEM;
    ++next_number_;
  }
  fid->references_.store(1, std::memory_order_relaxed);
  fid->known_ = false;
  fid->next_ = nullptr;
  return RefPtr<NinepFid>::adopt(fid);
}

Result<void> NinepClient::close(NinepFid& fid) {
  Exchange exchange(*this, Type::kClunk);
  exchange.message.put32(fid.number());
  auto sent = exchange.send_only();
  // Whatever the answer, unless there was none.
  if (sent.ok() || sent.error() != Errno::kEIO) fid.known_ = false;
  return sent;
}

void NinepClient::retire(NinepFid& fid) {
  {
    IrqSpinGuard guard(fids_lock_);
    NinepFid*& list = fid.known_ ? retired_ : unused_;
    fid.next_ = list;
    list = &fid;
  }
  clunk_retired();
}

// Tells the server of as many as there is room for; each answer makes room for another. Any context.
void NinepClient::clunk_retired() {
  while (true) {
    Clunk* clunk = nullptr;
    {
      IrqSpinGuard guard(fids_lock_);
      if (retired_ == nullptr) return;
      const auto free = std::find_if(std::begin(clunks_), std::end(clunks_),
                                     [](const Clunk& one) { return one.fid == nullptr; });
      if (free == std::end(clunks_)) return;
      clunk = free;
      clunk->fid = std::exchange(retired_, retired_->next_);
      const auto index = static_cast<std::size_t>(clunk - clunks_);
      const PhysAddr room = clunk_memory_ + index * kClunkRoom;
      MessageWriter message({static_cast<std::byte*>(direct_map(room)), kClunkRoom / 2}, Type::kClunk,
                            static_cast<std::uint16_t>(kFirstClunkTag + index));
      message.put32(clunk->fid->number_);
      const std::size_t size = message.finish().value();  // of a fixed size, which fits
      clunk->client = this;
      clunk->request = {.message = {room, static_cast<std::uint32_t>(size)},
                        .answer = {room + kClunkRoom / 2, kClunkRoom / 2},
                        .done = clunked,
                        .context = clunk};
    }
    // A dead channel has no server that would mind.
    if (!channel_.submit(clunk->request).ok()) clunked(clunk->request, Errno::kEIO);
  }
}

// Whatever the answer, the server has let go of the fid.
void NinepClient::clunked(MessageRequest& request, Result<std::size_t>) {
  auto& clunk = *static_cast<Clunk*>(request.context);
  NinepClient& client = *clunk.client;
  {
    IrqSpinGuard guard(client.fids_lock_);
    NinepFid* fid = std::exchange(clunk.fid, nullptr);
    fid->next_ = client.unused_;
    client.unused_ = fid;
  }
  client.clunk_retired();
}

// --- First words -------------------------------------------------------------------------------------

Result<RefPtr<NinepFid>> NinepClient::start() {
  // So that submit never finds the channel full.
  if (channel_.most_in_flight() < kMostSlots + 1 + kMostClunks) return Errno::kEOPNOTSUPP;
  slot_order_ = total_frame_count() < kEnoughFrames ? kSmallSlotOrder : kLargeSlotOrder;
  TRY(make_slot(slots_[0], slot_order_));
  TRY(make_slot(page_slot_, kPageSlotOrder));
  clunk_memory_ = TRY(allocate_frame(FrameUse::kDevice, FrameContents::kUninitialised));
  static_assert(kMostClunks * kClunkRoom <= kPageSize);
  {
    Exchange version(*this, Type::kVersion, Purpose::kCall, kNoTag);
    const auto offered = static_cast<std::uint32_t>(slots_[0].size - kAnswerRoom);
    version.message.put32(offered);
    version.message.put_string(kProtocol);
    MessageReader answer = TRY(version.send());
    message_size_ = std::min(answer.get32(), offered);
    const std::string_view protocol = answer.get_string();
    if (!answer.ok() || message_size_ < kSmallestMessage) return Errno::kEPROTO;
    if (protocol != kProtocol) return Errno::kEPROTONOSUPPORT;
  }
  RefPtr<NinepFid> root = TRY(new_fid());
  Exchange attach(*this, Type::kAttach);
  attach.message.put32(root->number());
  attach.message.put32(kNoFid);  // no authentication
  attach.message.put_string("root");
  attach.message.put_string("");
  attach.message.put32(kRoot);
  MessageReader answer = TRY(attach.send());
  root->known_ = true;
  const Qid qid = answer.get_qid();
  if (!answer.ok()) return Errno::kEPROTO;
  if (!qid.is_directory()) return Errno::kENOTDIR;
  return root;
}

}  // namespace mokapot
