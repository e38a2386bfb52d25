// SPDX-License-Identifier: Apache-2.0
//
// The one page cache. A FileCache holds the pages of one file: of a file on a disk or on the host (clean pages,
// which reclaim may drop and read again), or of a file in memory (tmpfs, memfd, shared anonymous memory and the files
// of the root), whose pages stay until they are cut off. read, write and mappings use the
// same frames, so they agree without any effort.
//
// A file of the root is one in memory that lies over one of a disk, its lower: what it has no page for it shows of the
// lower's frames, to mappings as well. The first write to such a page gives it one of its own, which takes the lower's
// place wherever that is mapped.
//
// A page is a Frame: owner is the FileCache, index its number, references counts the tree (one), mappings
// and users. The one that takes it to zero frees the frame, so a page cut from the file lives on as long as somebody
// looks at it. Where a device shows its disk as memory (drivers/mapped_disk.cc), pages are the device's own: in no
// tree, without a Frame, never read and never dropped. Frame::flags are the PageFlag bits, always changed atomically:
// disk completions (interrupt context) end kBusy.
//
// Locks: tree_lock_ (spinlock, kPageList) for the tree and the size; the recency lists have one spinlock
// (kPageRecency) inside it. Nothing is held while the application's memory is touched or while waiting for the disk.
// Contexts: thread; release_frame and cached_frame_for_mapping do not block.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/annotations.h"
#include "base/ref_counted.h"
#include "base/result.h"
#include "fs/page_tree.h"
#include "memory/frames.h"
#include "vm/page_source.h"
#include "vm/user_access.h"

namespace mokapot {

class BlockDevice;

void initialise_page_cache();  // boot

// Where the pages of a file on a disk, or on the host, are.
class PageBacking : public RefCounted<PageBacking> {
 public:
  virtual ~PageBacking() = default;
  struct Extent {
    enum class Kind : std::uint8_t {
      kDevice,    // whole pages at device_offset on
      kComputed,  // fill_page makes them
      kFetched,   // fetch_pages does, several at once
      kCluster,   // fill_cluster does, all of a compressed cluster's pages at once
      kZero,
    } kind;
    std::uint64_t device_offset;
    std::uint64_t pages;      // at least 1; of a cluster: all of its pages
    std::uint64_t first = 0;  // cluster: its first page, at or before the one that was asked for
    std::uint64_t lead = 0;   // cluster: whether it needs a page of room before that
  };
  // What page index and those after it are, at most count. kEUCLEAN: the file system is damaged.
  virtual Result<Extent> locate(std::uint64_t index, std::uint64_t count) = 0;
  virtual Result<void> fill_page(std::uint64_t index, void* page) = 0;
  // At most kMostFetched frames, one for each page from index on; zeros behind the file's end. Called with the
  // address space's lock held, among others.
  static constexpr std::size_t kMostFetched = 15;
  virtual Result<void> fetch_pages(std::uint64_t index, std::span<const PhysAddr> frames) {
    (void)index, (void)frames;
    return Errno::kEOPNOTSUPP;
  }
  // The pages of the cluster whose first page that is. buffer has room for lead pages, then for the cluster's pages, and
  // then for one page of work. On failure its contents are anything.
  static constexpr std::uint64_t kMostClusterPages = 240;
  virtual Result<void> fill_cluster(std::uint64_t first, std::span<std::byte> buffer) {
    (void)first, (void)buffer;
    return Errno::kEOPNOTSUPP;
  }
  virtual BlockDevice& device() = 0;
  // Where the device's bytes lie in memory (BlockDevice::memory): whole pages of kDevice extents are used there.
  virtual PhysAddr device_memory() { return PhysAddr(); }
  // Whether the contents may become others (FileCache::renew).
  virtual bool may_change() const { return true; }
};

inline constexpr std::uint64_t kPagesOfBlock = kHugePageSize / kPageSize;

// How far one reader is; a hint, so races do no harm.
struct ReadAhead {
  std::atomic<std::uint64_t> next{0};     // page that a sequential reader asks for next
  std::atomic<std::uint32_t> window{0};   // pages of the last read
};

// Pages that the files of one mount may take, and do.
struct PageQuota {
  std::atomic<std::uint64_t> used{0};
  std::uint64_t limit = UINT64_MAX;  // const after mount
};

// A reference to a page in use; or a page of a device's memory, which is always there and needs none.
class PageHold {
 public:
  PageHold() = default;
  explicit PageHold(Frame* frame) : frame_(frame) {}
  static PageHold of_device(PhysAddr page) {
    PageHold hold;
    hold.device_page_ = page;
    return hold;
  }
  PageHold(PageHold&& other)
      : frame_(std::exchange(other.frame_, nullptr)), device_page_(std::exchange(other.device_page_, PhysAddr())) {}
  PageHold& operator=(PageHold&& other) {
    std::swap(frame_, other.frame_);
    std::swap(device_page_, other.device_page_);
    return *this;
  }
  ~PageHold();
  explicit operator bool() const { return frame_ != nullptr || !device_page_.is_null(); }
  Frame& frame() const { return *frame_; }  // of a page that is the cache's own
  std::byte* data() const { return static_cast<std::byte*>(direct_map(address())); }
  PhysAddr release();  // the caller owns the reference now

 private:
  PhysAddr address() const {
    DASSERT(*this);
    return frame_ != nullptr ? address_of(*frame_) : device_page_;
  }

  Frame* frame_ = nullptr;
  PhysAddr device_page_;
};

class FileCache final : public PageSource {
 public:
  // Of a file on a disk or on the host; the size changes through renew alone.
  static Result<RefPtr<FileCache>> create_backed(RefPtr<PageBacking> backing, std::uint64_t size, Identity identity);
  // Of a file in memory. Where it has no page of its own, the contents are lower's (if any), up to the size
  // that lower has, and then zeros; over a lower, nothing is changed before begin_changes. quota: of the mount, or null;
  // outlives the cache.
  static Result<RefPtr<FileCache>> create_memory(RefPtr<FileCache> lower, PageQuota* quota, Identity identity);
  // Of a hugetlb file: it has blocks of 2 MiB or holes, and its size and the ranges punched are multiples of that.
  static Result<RefPtr<FileCache>> create_huge_tlb(Identity identity);
  ~FileCache() override;

  std::uint64_t size() const { return size_.load(std::memory_order_acquire); }
  const RefPtr<FileCache>& lower() const { return lower_; }
  // Of its own, not of its lower's.
  std::uint64_t resident_pages() const { return resident_.load(std::memory_order_relaxed); }

  // Up to the end of the file; 0 there. kEIO, kEFAULT, kENOMEM where nothing was moved before.
  Result<std::size_t> read(IoBuffer& into, std::uint64_t offset, ReadAhead& ahead);
  // Memory files, under the inode's lock, before the first change and before a mapping that may be written through.
  void begin_changes();
  // Memory files only, under the inode's lock. Grows the file. kENOSPC, kENOMEM, kEFAULT.
  Result<std::size_t> write(IoBuffer& from, std::uint64_t offset);
  // Memory files only, under the inode's lock. Mapped pages beyond the end are SIGBUS afterwards.
  Result<void> truncate(std::uint64_t size);
  Result<void> punch(std::uint64_t offset, std::uint64_t length);    // becomes a hole
  Result<void> clear(std::uint64_t offset, std::uint64_t length);    // zeros, where there are pages
  Result<void> populate(std::uint64_t offset, std::uint64_t length); // has pages from now on, or kENOSPC; size unchanged
  // Backed files: their contents and size have become others. Pages are read anew, by mappings too, and those
  // beyond the end are SIGBUS.
  void renew(std::uint64_t size);
  // SEEK_DATA, SEEK_HOLE; kENXIO at or beyond the end.
  Result<std::uint64_t> seek_data(std::uint64_t offset);
  Result<std::uint64_t> seek_hole(std::uint64_t offset);

  // The page, read or made; kENXIO beyond the end.
  Result<PageHold> page(std::uint64_t index, ReadAhead& ahead);
  // Starts to read pages that are not there; does not wait. For fadvise, readahead and MADV_WILLNEED.
  void prefetch(std::uint64_t offset, std::uint64_t length);

  void set_writable(bool writable) { writable_.store(writable, std::memory_order_relaxed); }
  // What describe() says; kept as it was when the file was mapped.
  void set_path(std::string_view path);
  void set_deleted() { deleted_.store(true, std::memory_order_relaxed); }

  Result<PhysAddr> frame_for_mapping(std::uint64_t index, bool for_write) override;
  Result<PhysAddr> cached_frame_for_mapping(std::uint64_t index) override;
  void release_frame(PhysAddr frame, bool dirty) override;
  bool may_change() const override { return backing_ ? backing_->may_change() : !is_only_lower() || lower_->may_change(); }
  bool writable() const override { return writable_.load(std::memory_order_relaxed); }
  Identity identity() const override { return identity_; }
  std::size_t describe(char* buffer, std::size_t size) const override;
  Result<void> punch_hole(std::uint64_t first, std::uint64_t count) override;
  Result<PhysAddr> huge_frame_for_mapping(std::uint64_t first) override;
  Result<void> reserve(std::uint64_t first, std::uint64_t count) override;
  bool huge_tlb() const override { return huge_tlb_; }

 private:
  friend class PageRecency;
  enum class Pages : std::uint8_t { kSmall, kHugeTlb };
  FileCache(RefPtr<PageBacking> backing, RefPtr<FileCache> lower, PageQuota* quota, Identity identity, Pages pages);
  template <typename T, typename... Args>
  friend Result<RefPtr<T>> make_ref(Args&&... args);

  enum class Hole : std::uint8_t { kAllocate, kLeave };
  Result<PageHold> find_or_make(std::uint64_t index, ReadAhead& ahead, Hole hole);
  PageHold find(std::uint64_t index);
  // The page of a device's memory that shows it; none if the page is another's.
  PageHold find_in_device(std::uint64_t index);
  enum class Beyond : std::uint8_t { kRefuse, kAllow };  // the end of the file
  Result<PageHold> make_memory_page(std::uint64_t index, ReadAhead& ahead, Hole hole, Beyond beyond);
  Result<PageHold> lower_page_of(std::uint64_t index, ReadAhead& ahead);
  Result<PageHold> insert(std::uint64_t index, PhysAddr frame, std::uint8_t flags,
                          std::uint32_t extra_references, Beyond beyond);
  bool has_lower_page(std::uint64_t index) const REQUIRES(tree_lock_);
  // Whether all there is to see is lower's. Becomes false before anything changes, so that a page fault which saw it
  // true, and thus a frame of lower's, finds unmap_count changed when it is too late.
  bool is_only_lower() const { return lower_ && !changes_.load(std::memory_order_acquire); }
  void show_instead_of_lower(std::uint64_t index);
  Result<std::size_t> write_page(IoBuffer& from, std::uint64_t index, std::size_t offset, std::size_t size);
  Result<PhysAddr> allocate_memory_frame(bool zeroed);
  void free_memory_frame(PhysAddr frame);
  void uncharge(std::uint64_t pages);
  void remove_pages(std::uint64_t first, std::uint64_t end);
  Result<void> clear_part(std::uint64_t offset, std::uint64_t end);  // within one page

  // Blocks of 2 MiB: page_block.cc.
  Result<PhysAddr> allocate_block();
  Result<void> make_block(std::uint64_t first, Beyond beyond);
  Result<void> check_room(std::uint64_t first, Beyond beyond) REQUIRES(tree_lock_);
  Result<void> insert_block(std::uint64_t first, PhysAddr block, Beyond beyond);
  Frame* whole_block(std::uint64_t first) REQUIRES(tree_lock_);
  void leave_block(Frame& frame) REQUIRES(tree_lock_);

  // Disk files: page_read.cc.
  Result<void> read_window(std::uint64_t index, ReadAhead& ahead, bool mapping);
  void read_further(std::uint64_t index, ReadAhead& ahead);
  enum class Clusters : std::uint8_t { kNeeded, kAll };
  Result<void> start_read(std::uint64_t first, std::uint64_t count, std::uint64_t needed,
                          Clusters clusters = Clusters::kNeeded);
  Result<std::uint64_t> start_device_read(std::uint64_t first, std::uint64_t count, std::uint64_t device_offset,
                                          bool needed);
  Result<void> make_computed_page(std::uint64_t index, bool zero, bool needed);
  Result<std::uint64_t> fetch(std::uint64_t first, std::uint64_t count, bool needed);
  // Compressed files: page_cluster.cc.
  struct ClusterPages;
  Result<void> read_cluster(const PageBacking::Extent& extent, std::uint64_t index);
  Result<void> insert_cluster(ClusterPages& pages, std::uint64_t index);
  Result<void> read_cluster_in_reserve(const PageBacking::Extent& extent, std::uint64_t index);
  void forget_failed(std::uint64_t index, Frame& frame);
  bool evict(std::uint64_t index, Frame* frame);  // reclaim's, page_recency.cc; true if the frame went

  SpinLock tree_lock_{LockRank::kPageList};
  PageTree tree_ GUARDED_BY(tree_lock_);
  // Written under tree_lock_ (and the inode's lock); read anywhere, acquire.
  std::atomic<std::uint64_t> size_{0};
  std::atomic<std::uint64_t> resident_{0};  // pages in the tree; a hint outside tree_lock_
  const RefPtr<PageBacking> backing_;       // disk files
  const PhysAddr device_memory_, device_memory_end_;  // backing's
  const RefPtr<FileCache> lower_;           // memory files that lie over a disk file
  std::atomic<bool> changes_{false};        // begin_changes was called
  // Pages below this show lower's contents where the tree has none. Only falls; under tree_lock_.
  std::uint64_t lower_pages_ GUARDED_BY(tree_lock_) = 0;
  PageQuota* const quota_;
  const bool huge_tlb_;
  const Identity identity_;
  // How often the contents became others: what was read before that is not put into the tree.
  std::uint64_t renewals_ GUARDED_BY(tree_lock_) = 0;
  ReadAhead fault_ahead_;
  std::atomic<bool> writable_{false};
  std::atomic<bool> deleted_{false};
  mutable SpinLock path_lock_{LockRank::kDentries};
  std::unique_ptr<char[]> path_ GUARDED_BY(path_lock_);
};

// --- Shared by the page cache's own files ----------------------------------------------------------------
enum PageFlag : std::uint8_t {
  kPageBusy = 1,        // being read; nobody may look at the contents
  kPageFailed = 2,      // reading failed
  kPageReferenced = 4,  // used since reclaim last looked
  kPageActive = 8,      // on the active list
  kPageAheadMark = 16,  // whoever gets here reads on
  kPageListed = 32,     // on a recency list; changed under the recency lock
  kPageOfBlock = 64,    // came as a part of an aligned block of 2 MiB; changed under tree_lock_, as is the next
  kPageWholeBlock = 128,  // the first of such a block, all of which is still where it came to
};
inline std::atomic_ref<std::uint8_t> page_flags(Frame& frame) { return std::atomic_ref<std::uint8_t>(frame.flags); }
std::uint64_t huge_file_blocks();  // whole blocks of files in memory, without those of hugetlb files
void drop_page_reference(Frame& frame);
// Ends kPageBusy (with kPageFailed or not) and wakes who waits. Any context.
void end_page_read(Frame& frame, bool failed);
void wake_page_waiters(const void* owner);
void wait_for_page(Frame& frame);

// The recency lists: which clean page to drop first.
class PageRecency {
 public:
  static void initialise();
  static void add(Frame& frame);
  static void remove(Frame& frame);  // fine if it is not listed
  static std::uint64_t listed();
  static std::uint64_t reclaim(std::uint64_t wanted);
};

}  // namespace mokapot
