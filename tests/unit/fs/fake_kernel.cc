// SPDX-License-Identifier: Apache-2.0
//
// What fs needs of the layers below it, in a program with one thread: locks that only check their use, a
// disk in memory, and a memory without mappings.

#include "fs/fake_kernel.h"

#include <cstdlib>
#include <cstring>
#include <random>

#include "fakes/log.h"
#include "fakes/physical_memory.h"
#include "fs/page_cache.h"
#include "fs/vfs.h"
#include "io/file.h"
#include "io/record_lock.h"
#include "memory/frames.h"
#include "sched/mutex.h"
#include "sync/spinlock.h"
#include "vm/pressure.h"

namespace mokapot {
namespace {

Reclaimer* reclaimer = nullptr;
std::vector<fake::Unmapped> unmapped;
bool deferred_reads = false;
std::vector<BlockRequest*> waiting;

void complete_waiting() {
  std::vector<BlockRequest*> now;
  now.swap(waiting);
  for (BlockRequest* request : now) request->done(*request, {});
}

}  // namespace

// --- sched ------------------------------------------------------------------------------------------
// Nobody else could release a lock that is held: waiting for one is a deadlock.
void Mutex::lock() { ASSERT(owner_.exchange(reinterpret_cast<Thread*>(1)) == nullptr); }
void Mutex::unlock() { ASSERT(owner_.exchange(nullptr) != nullptr); }
void RwLock::lock_shared() { ASSERT(holders_.fetch_add(1) >= 0); }
void RwLock::unlock_shared() { ASSERT(holders_.fetch_sub(1) > 0); }
void RwLock::lock() { ASSERT(holders_.exchange(-1) == 0); }
void RwLock::unlock() { ASSERT(holders_.exchange(0) == -1); }

void preempt_enable_and_check() { arch::preempt_enable(); }

Waiter::Waiter() : callback_(nullptr), context_(nullptr) {}
Waiter::~Waiter() { ASSERT(!queue_hook.is_linked()); }
void WaitQueue::add(Waiter& waiter) { waiters_.push_back(waiter); }
void WaitQueue::remove(Waiter& waiter) {
  if (waiter.queue_hook.is_linked()) waiters_.erase(waiters_.iterator_to(waiter));
}
void WaitQueue::wake_one() {}
void WaitQueue::wake_all() {}
void prepare_to_block() {}
void cancel_block() {}
WakeReason block(Instant, Interruptible) {
  ASSERT(!waiting.empty());  // else it would wait for ever
  complete_waiting();
  return WakeReason::kWoken;
}

// --- vm ------------------------------------------------------------------------------------------------
void PageSource::unmap_pages(std::uint64_t first, std::uint64_t count, PrivateCopies copies) {
  unmapped.push_back({first, count, copies == PrivateCopies::kDrop});
}
// Tests stand in for mappings by holding frames, so any source may be mapped.
bool PageSource::is_mapped() const { return true; }
void register_reclaimer(Reclaimer* r) { reclaimer = r; }
std::uint64_t reclaimable_frames() { return 0; }
bool memory_is_left(std::uint64_t fraction) { return frame_statistics().free_frames >= total_frame_count() / fraction; }
Result<PhysAddr> allocate_frame_reclaiming(FrameUse use, FrameContents contents) {
  auto frame = allocate_frame(use, contents);
  if (frame.ok() || reclaimer == nullptr || reclaimer->reclaim(16) == 0) return frame;
  return allocate_frame(use, contents);
}

Result<PhysAddr> allocate_huge_block(FrameUse use, std::uint64_t) {
  return allocate_frames(kHugeFrameOrder, use, FrameContents::kZeroed);
}
Result<PhysAddr> allocate_huge_block_reclaiming(FrameUse use, FrameContents contents) {
  return allocate_frames(kHugeFrameOrder, use, contents);
}

bool huge_blocks_are_left(std::uint64_t count) { return count <= frame_statistics().free_frames / 512; }

std::uint64_t reclaim_frames(std::uint64_t wanted) { return reclaimer == nullptr ? 0 : reclaimer->reclaim(wanted); }

// --- io, device -----------------------------------------------------------------------------------------
Result<void> BlockDevice::transfer(BlockRequest::Kind kind, std::uint64_t offset,
                                   std::span<const PhysSegment> segments) {
  struct Answer {
    bool complete = false, failed = false;
  } answer;
  BlockRequest request;
  request.kind = kind;
  request.offset = offset;
  request.segments = segments;
  request.context = &answer;
  request.done = [](BlockRequest& done, Result<void> outcome) {
    auto* to = static_cast<Answer*>(done.context);
    to->complete = true;
    to->failed = !outcome.ok();
  };
  submit(request);
  if (!answer.complete) complete_waiting();
  if (answer.failed) return Errno::kEIO;
  return {};
}
void release_file_locks(File&) {}
void detach_watches(File&) {}
void add_entropy(const void*, std::size_t) {}
void random_bytes(void* to, std::size_t size) {
  static std::mt19937 generator(1);
  for (std::size_t i = 0; i < size; ++i) static_cast<std::uint8_t*>(to)[i] = static_cast<std::uint8_t>(generator());
}

namespace fake {

std::vector<Unmapped> take_unmapped() { return std::exchange(unmapped, {}); }
std::uint64_t reclaim(std::uint64_t wanted) { return reclaimer->reclaim(wanted); }
void defer_reads(bool defer) {
  deferred_reads = defer;
  complete_waiting();
}

void MemoryDisk::submit(BlockRequest& request) {
  ++requests;
  bool failed = fail_reads;
  std::uint64_t at = request.offset;
  for (const PhysSegment& segment : request.segments) {
    if (at % sector_size() != 0 || segment.size % sector_size() != 0 || at + segment.size > bytes.size()) {
      failed = true;
      break;
    }
    std::memcpy(direct_map(segment.address), bytes.data() + at, segment.size);
    at += segment.size;
    bytes_read += segment.size;
  }
  if (failed) {
    request.done(request, Errno::kEIO);
  } else if (deferred_reads) {
    waiting.push_back(&request);
  } else {
    request.done(request, {});
  }
}

void MemoryDisk::show_as_memory() {
  ASSERT(bytes.size() <= kDeviceSize);
  memory_ = PhysAddr(kDeviceBase);
  std::memcpy(direct_map(memory_), bytes.data(), bytes.size());
}

void start_kernel() {
  static const bool once = [] {
    (void)frame_statistics();  // the frames first, so that they outlive what follows
    initialise_page_cache();
    initialise_vfs();
    // Mounts stay, but frames that are destroyed must be on no list.
    std::atexit([] {
      for (int round = 0; round < 4; ++round) reclaimer->reclaim(~std::uint64_t{0});
    });
    return true;
  }();
  ASSERT(once);
}

bool make_image(const std::string& directory, std::vector<std::uint8_t>& image, const std::string& options) {
  if (std::system("command -v mkfs.erofs >/dev/null 2>&1") != 0) return false;
  const std::string file = directory + ".erofs";
  const std::string command = "mkfs.erofs --quiet " + options + " '" + file + "' '" + directory + "' >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0) return false;
  FILE* in = std::fopen(file.c_str(), "rb");
  if (in == nullptr) return false;
  std::fseek(in, 0, SEEK_END);
  image.resize(static_cast<std::size_t>(std::ftell(in)));
  std::rewind(in);
  const bool whole = std::fread(image.data(), 1, image.size(), in) == image.size();
  std::fclose(in);
  std::remove(file.c_str());
  return whole;
}

std::string read_all(File& file) {
  std::string text;
  char piece[3000];  // no power of two, so that reads cross pages
  while (true) {
    IoBuffer buffer(piece, sizeof piece);
    auto got = file.read(buffer);
    if (!got.ok() || got.value() == 0) return text;
    text.append(piece, got.value());
  }
}

}  // namespace fake
}  // namespace mokapot
