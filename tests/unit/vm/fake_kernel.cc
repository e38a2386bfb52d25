// SPDX-License-Identifier: Apache-2.0
//
// See fake_kernel.h.
#include "vm/fake_kernel.h"

#include <sched.h>

#include <atomic>
#include <utility>

#include "fakes/physical_memory.h"
#include "irq/irq.h"
#include "irq/lazy_flush.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "sched/mutex.h"
#include "vm/entry.h"

namespace mokapot {
namespace {

std::atomic<std::uint64_t> calls{0};
std::atomic<CpuMask> online{1};

}  // namespace

namespace fake {
std::function<void()> during_cross_call;
}

// --- sched/mutex.h, wait_queue.h and irq.h, as far as vm uses them -----------------------------------

void RwLock::lock_shared() {
  while (true) {
    std::int32_t holders = holders_.load();
    if (holders >= 0 && holders_.compare_exchange_weak(holders, holders + 1)) return;
    sched_yield();
  }
}
void RwLock::unlock_shared() { --holders_; }
void RwLock::lock() {
  std::int32_t none = 0;
  while (!holders_.compare_exchange_weak(none, -1)) {
    none = 0;
    sched_yield();
  }
}
void RwLock::unlock() { holders_ = 0; }

void Mutex::lock() {
  Thread* nobody = nullptr;
  // SAFETY: says that it is held, and is never followed.
  while (!owner_.compare_exchange_weak(nobody, reinterpret_cast<Thread*>(this))) {
    nobody = nullptr;
    sched_yield();
  }
}
void Mutex::unlock() { owner_ = nullptr; }

CpuMask online_cpus() { return online; }
CpuMask leave_flush_to_idle_cpus(CpuMask mask) { return mask; }
void call_on_cpus(CpuMask, void (*function)(void*), void* argument) {
  ASSERT(arch::interrupts_enabled() && arch::preempt_count() == 0);  // else it could wait for ever
  ++calls;
  if (const std::function<void()> once = std::exchange(fake::during_cross_call, nullptr)) once();
  function(argument);
}

namespace fake {

std::uint64_t cross_calls() { return calls; }
void set_online_cpus(std::uint64_t mask) { online = mask; }

void prepare_memory() {
  static const bool done = [] {
    const MemoryRange range{PhysAddr(kPhysicalBase), PhysAddr(kPhysicalBase + kPhysicalSize)};
    initialise_frames(&range, 1);
    return AddressSpace::initialise(0x1234'5678).ok();
  }();
  ASSERT(done);
}

namespace {

// The entry that decides page, and the frame of that very page.
bool look_up(VirtAddr page, Entry& entry, PhysAddr& frame) {
  const FoundSlot found = find_page_table_slot(page);
  if (found.slot == nullptr) return false;
  entry = Entry(*found.slot);
  if (!entry.mapped(found.level)) return false;
  frame = entry.frame();
  if (found.level == 1) frame += align_down(page.value() % kHugePageSize, kPageSize);
  return true;
}

template <typename Permitted>
FaultOutcome access(VirtAddr page, FaultAccess kind, Permitted permitted, std::uint64_t*& word) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    Entry entry(0);
    PhysAddr frame;
    if (look_up(page, entry, frame) && permitted(entry)) {
      // As a processor does before it uses an entry; if that has changed by then, it looks again.
      std::uint64_t expected = entry.raw();
      if (!find_page_table_slot(page).slot->compare_exchange_strong(expected, entry.with_accessed().raw())) continue;
      word = static_cast<std::uint64_t*>(direct_map(frame));
      return FaultOutcome::kResolved;
    }
    const FaultOutcome outcome = address_space().handle_fault(page, kind);
    if (outcome != FaultOutcome::kResolved) return outcome;
  }
  panic("a fault that says it is resolved and is not");
}

}  // namespace

FaultOutcome read_word(VirtAddr page, std::uint64_t& value) {
  std::uint64_t* word = nullptr;
  const FaultOutcome outcome = access(page, FaultAccess::kRead, [](Entry) { return true; }, word);
  if (outcome == FaultOutcome::kResolved) value = __atomic_load_n(word, __ATOMIC_RELAXED);
  return outcome;
}
FaultOutcome write_word(VirtAddr page, std::uint64_t value) {
  std::uint64_t* word = nullptr;
  const FaultOutcome outcome =
      access(page, FaultAccess::kWrite, [](Entry entry) { return entry.writable(); }, word);
  if (outcome == FaultOutcome::kResolved) __atomic_store_n(word, value, __ATOMIC_RELAXED);
  return outcome;
}
FaultOutcome execute(VirtAddr page) {
  std::uint64_t* word = nullptr;
  return access(page, FaultAccess::kExecute, [](Entry entry) { return entry.executable(); }, word);
}
bool is_huge(VirtAddr page) {
  const FoundSlot found = find_page_table_slot(page);
  return found.slot != nullptr && found.level == 1 && Entry(*found.slot).page(1);
}
bool is_populated(VirtAddr page) {
  const FoundSlot found = find_page_table_slot(page);
  return found.slot != nullptr && Entry(*found.slot).page(found.level);
}

// --- TestFile -----------------------------------------------------------------------------------------

TestFile::~TestFile() {
  for (PhysAddr frame : frames_) {
    if (frame.is_null()) continue;
    ASSERT(frame_at(frame).references == 1);  // no mapping outlives its file
    free_frame(frame);
  }
}

PhysAddr TestFile::fetch(std::uint64_t index) {
  if (frames_[index].is_null()) {
    frames_[index] = allocate_frame(FrameUse::kPageCache, FrameContents::kZeroed).take();
    frame_at(frames_[index]).references = 1;
    *static_cast<std::uint64_t*>(direct_map(frames_[index])) = stored_[index];
    ++reads;
  }
  return frames_[index];
}

Result<PhysAddr> TestFile::frame_for_mapping(std::uint64_t index, bool for_write) {
  if (index >= size_) return Errno::kENXIO;
  if (for_write) ++write_requests;
  const PhysAddr frame = fetch(index);
  ++frame_at(frame).references;
  if (interlude != nullptr) std::exchange(interlude, nullptr)(*this);
  return frame;
}

Result<PhysAddr> TestFile::cached_frame_for_mapping(std::uint64_t index) {
  if (index >= size_) return Errno::kENXIO;
  if (frames_[index].is_null()) return Errno::kEAGAIN;
  ++frame_at(frames_[index]).references;
  return frames_[index];
}

void TestFile::release_frame(PhysAddr frame, bool) {
  Frame& record = frame_at(frame);
  ASSERT(record.references > 0 && record.use == FrameUse::kPageCache);
  if (--record.references == 0) free_frame(frame);
}

std::uint64_t& TestFile::word(std::uint64_t index) {
  if (frames_[index].is_null()) return stored_[index];
  return *static_cast<std::uint64_t*>(direct_map(frames_[index]));
}

void TestFile::truncate(std::uint64_t pages) {
  const std::uint64_t old = std::exchange(size_, pages);
  if (pages >= old) return;
  unmap_pages(pages, old - pages, PrivateCopies::kDrop);
  for (std::uint64_t i = pages; i < old; ++i) {
    stored_[i] = 0;
    if (!frames_[i].is_null()) release_frame(std::exchange(frames_[i], PhysAddr()), false);
  }
}

void TestFile::evict(std::uint64_t first, std::uint64_t count) {
  unmap_pages(first, count, PrivateCopies::kKeep);
  for (std::uint64_t i = first; i < first + count; ++i) {
    if (frames_[i].is_null()) continue;
    ASSERT(frame_at(frames_[i]).references == 1);
    stored_[i] = word(i);
    release_frame(std::exchange(frames_[i], PhysAddr()), false);
  }
}

Result<void> TestFile::punch_hole(std::uint64_t first, std::uint64_t count) {
  evict(first, count);
  for (std::uint64_t i = first; i < first + count; ++i) stored_[i] = 0;
  return {};
}

std::uint64_t TestFile::mapped_references() const {
  std::uint64_t sum = 0;
  for (PhysAddr frame : frames_) {
    if (!frame.is_null()) sum += frame_at(frame).references - 1;
  }
  return sum;
}

}  // namespace fake
}  // namespace mokapot
