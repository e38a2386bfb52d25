// SPDX-License-Identifier: Apache-2.0
//
// Which cached page goes when memory is short. Two lists of clean disk pages: new ones enter the inactive
// list, those used again before reclaim reaches its end are promoted to the active one, and the active
// list's oldest are demoted while it is the longer one, so that one pass over a big file does not push out what
// is in steady use. A mapped page is first unmapped and given another round: if it is in use, a fault
// (cheap: the page is still there) marks it before it is reached again.
//
// Lock: one spinlock (kPageRecency), taken inside a file's tree lock, never the other way. Reclaim holds no
// lock while it unmaps. A listed frame's owner is alive or being destroyed: its destructor
// takes the frames off the lists under the lock, and reclaim only uses an owner it got a reference to.

#include "base/global.h"
#include "fs/page_cache.h"
#include "memory/frames.h"
#include "vm/pressure.h"

namespace mokapot {

void initialise_page_reads();
void initialise_page_clusters();

namespace {

using FrameList = IntrusiveList<Frame, &Frame::list_hook>;

struct Lists {
  SpinLock lock{LockRank::kPageRecency};
  FrameList inactive GUARDED_BY(lock);  // newest first
  FrameList active GUARDED_BY(lock);
  std::uint64_t inactive_count GUARDED_BY(lock) = 0;
  std::uint64_t active_count GUARDED_BY(lock) = 0;
};
Global<Lists> lists;

// Thrashing: memory is so short that programs' own code is dropped and read again all the time, and nothing else goes
// on. Dropping pages looks like progress to whoever asks for a frame, so it has to be noticed here. Remembered
// are the last pages that were dropped; a page that is read while it is remembered came back too soon. If nearly all
// that is read over a long stretch are such pages, and the cache is small, it gives no more: then memory has run out.
class Thrashing {
 public:
  void dropped(const Frame& frame) { place_of(frame).store(tag_of(frame), std::memory_order_relaxed); }

  void read(const Frame& frame) {
    const std::uint32_t tag = tag_of(frame);
    std::atomic<std::uint32_t>& place = place_of(frame);
    if (place.load(std::memory_order_relaxed) == tag) {
      place.store(0, std::memory_order_relaxed);
      came_back_.fetch_add(1, std::memory_order_relaxed);
    } else {
      // One that is new outweighs several that came back.
      const std::uint32_t so_far = came_back_.load(std::memory_order_relaxed);
      came_back_.store(so_far > kNewOutweighs ? so_far - kNewOutweighs : 0, std::memory_order_relaxed);
    }
  }

  bool hopeless(std::uint64_t cached) const {
    constexpr std::uint64_t kSmallPart = 16;
    return came_back_.load(std::memory_order_relaxed) > kLong && cached < total_frame_count() / kSmallPart;
  }

 private:
  static constexpr std::size_t kRemembered = 1024;
  static constexpr std::uint32_t kNewOutweighs = 8, kLong = 32 * kRemembered;

  // Zero is no tag.
  static std::uint32_t tag_of(const Frame& frame) {
    std::uint64_t hash = (reinterpret_cast<std::uintptr_t>(frame.owner) >> 4) ^ (frame.index * 0x9e37'79b9'7f4a'7c15);
    hash ^= hash >> 29;
    return static_cast<std::uint32_t>(hash) | 1;
  }
  std::atomic<std::uint32_t>& place_of(const Frame& frame) { return tags_[tag_of(frame) / 2 % kRemembered]; }

  // Relaxed everywhere: estimates.
  std::atomic<std::uint32_t> tags_[kRemembered] = {};
  std::atomic<std::uint32_t> came_back_{0};
};
constinit Thrashing thrashing;

class PageCacheReclaimer final : public Reclaimer {
 public:
  const char* name() const override { return "page cache"; }
  std::uint64_t reclaim(std::uint64_t wanted) override { return PageRecency::reclaim(wanted); }
  std::uint64_t reclaimable() override { return PageRecency::listed(); }
};
Global<PageCacheReclaimer> reclaimer;

bool has_flag(Frame& frame, std::uint8_t flag) {
  return (page_flags(frame).load(std::memory_order_relaxed) & flag) != 0;
}
void clear_flag(Frame& frame, std::uint8_t flag) {
  page_flags(frame).fetch_and(static_cast<std::uint8_t>(~flag), std::memory_order_relaxed);
}

void demote_oldest_locked(Lists& l) REQUIRES(l.lock) {
  Frame& frame = l.active.back();
  l.active.pop_back();
  --l.active_count;
  clear_flag(frame, kPageActive | kPageReferenced);
  // To the end that is looked at first: it was passed over long enough.
  l.inactive.push_back(frame);
  ++l.inactive_count;
}

void balance_locked(Lists& l) REQUIRES(l.lock) {
  while (l.active_count > l.inactive_count) demote_oldest_locked(l);
}

}  // namespace

void PageRecency::initialise() { lists.construct(); }

void PageRecency::add(Frame& frame) {
  thrashing.read(frame);
  Lists& l = *lists;
  SpinGuard guard(l.lock);
  page_flags(frame).fetch_or(kPageListed, std::memory_order_relaxed);
  l.inactive.push_front(frame);
  ++l.inactive_count;
}

void PageRecency::remove(Frame& frame) {
  Lists& l = *lists;
  SpinGuard guard(l.lock);
  if (!has_flag(frame, kPageListed)) return;
  clear_flag(frame, kPageListed);
  if (has_flag(frame, kPageActive)) {
    l.active.erase(l.active.iterator_to(frame));
    --l.active_count;
  } else {
    l.inactive.erase(l.inactive.iterator_to(frame));
    --l.inactive_count;
  }
}

std::uint64_t PageRecency::listed() {
  Lists& l = *lists;
  SpinGuard guard(l.lock);
  return l.inactive_count + l.active_count;
}

std::uint64_t PageRecency::reclaim(std::uint64_t wanted) {
  Lists& l = *lists;
  std::uint64_t freed = 0;
  if (thrashing.hopeless(listed())) return 0;
  std::uint64_t fruitless = 0;  // pages looked at since one was dropped
  // Twice round both lists at most: once to unmap or demote, once to drop.
  for (std::uint64_t budget = 4 * listed() + 1; budget > 0 && freed < wanted; --budget, ++fruitless) {
    RefPtr<FileCache> owner;
    Frame* candidate = nullptr;
    std::uint64_t index = 0;
    {
      SpinGuard guard(l.lock);
      balance_locked(l);
      // All of the inactive ones are in use: it is the active ones' turn.
      if (fruitless > l.inactive_count && !l.active.empty()) demote_oldest_locked(l);
      if (l.inactive.empty()) break;
      Frame& frame = l.inactive.back();
      l.inactive.pop_back();
      if (has_flag(frame, kPageReferenced)) {
        clear_flag(frame, kPageReferenced);
        page_flags(frame).fetch_or(kPageActive, std::memory_order_relaxed);
        --l.inactive_count;
        l.active.push_front(frame);
        ++l.active_count;
        continue;
      }
      l.inactive.push_front(frame);
      auto* cache = static_cast<FileCache*>(frame.owner);
      if (has_flag(frame, kPageBusy) || !cache->try_add_reference()) continue;
      owner = RefPtr<FileCache>::adopt(cache);
      candidate = &frame;
      index = frame.index;
    }
    if (owner->evict(index, candidate)) {
      ++freed;
      fruitless = 0;
    }
  }
  return freed;
}

// Drops one page if nobody uses it. A page that is only mapped is taken out of the mappings, with those around
// it that are as old, since one TLB flush serves them all; they go the next time round.
bool FileCache::evict(std::uint64_t index, Frame* frame) {
  constexpr std::uint64_t kTogether = 16;
  bool in_use = false;
  {
    SpinGuard guard(tree_lock_);
    if (tree_.find(index) != frame) return false;  // cut off meanwhile
    if (has_flag(*frame, kPageBusy)) return false;
    // References are only added under this lock, so one (the tree's) stays one.
    in_use = frame->references.load(std::memory_order_acquire) > 1;
    if (!in_use) {
      tree_.remove(index);
      resident_.store(tree_.size(), std::memory_order_relaxed);
      PageRecency::remove(*frame);
    }
  }
  if (!in_use) {
    thrashing.dropped(*frame);
    drop_page_reference(*frame);
    return true;
  }
  // In use but not mapped: somebody copies from it just now.
  if (is_mapped()) unmap_pages(align_down(index, kTogether), kTogether, PrivateCopies::kKeep);
  return false;
}

void initialise_page_cache() {
  PageRecency::initialise();
  initialise_page_reads();
  initialise_page_clusters();
  register_reclaimer(&reclaimer.construct());
}

}  // namespace mokapot
