// SPDX-License-Identifier: Apache-2.0
//
// The application's half of the one address space: regions (Linux's VMAs) in an ordered tree, populated
// lazily. mmap, munmap, mprotect, mremap, madvise, brk, mincore, msync exactly as Linux answers.
//
// Boot: AddressSpace::initialise(seed), after the heap; then register_reclaimer for whoever has frames to give
// (vm/pressure.h), then exec's set_break_start and map.
//
// Locks: lock_ (RwLock, rank kAddressSpace): page faults and discards take it shared, changes of regions
// exclusively. Page-table entries change by atomic exchanges, and those of file pages under their source's
// lock as well. Table pages go only while lock_ is held exclusively. Frames taken out are freed
// only after the TLB flush that covers them (vm/tlb_gather.h).
// Contexts: thread context only; all functions may block.
//
// Spread over address_space*.cc (regions, protection, remap, advice, queries) and fault.cc.
#pragma once

#include <cstdint>
#include <span>

#include "base/ref_counted.h"
#include "base/result.h"
#include "base/types.h"
#include "sched/mutex.h"
#include "sync/spinlock.h"
#include "vm/page_source.h"
#include "vm/protection.h"
#include "vm/region.h"

namespace mokapot {

class RegionChange;

// kNear: within 1 GiB of the address, below it if possible.
enum class Placement : std::uint8_t { kAnywhere, kHint, kFixed, kFixedNoReplace, kLow32, kNear };

struct MapRequest {
  VirtAddr address;                              // hint or place
  std::uint64_t size = 0;                        // bytes, rounded up to pages here
  Protection protection = Protection::kNone;
  Placement placement = Placement::kAnywhere;
  Sharing sharing = Sharing::kPrivate;
  bool no_reserve = false;
  bool populate = false;
  bool stack = false;                            // MAP_STACK, MAP_GROWSDOWN: 4 KiB pages
  bool huge_tlb = false;                         // MAP_HUGETLB: 2 MiB pages, all of them now, or kENOMEM
  RefPtr<PageSource> source;                     // none: anonymous
  std::uint64_t source_offset = 0;               // bytes, page aligned
  Protection maximum = Protection::kAll;         // mprotect may not go beyond (shared, file opened for reading)
  const char* name = nullptr;                    // "[stack]", "[heap]", "[vdso]"; a literal
};

enum class FaultAccess : std::uint8_t { kRead, kWrite, kExecute };
enum class FaultOutcome : std::uint8_t {
  kResolved,
  kNotMapped,      // SIGSEGV SEGV_MAPERR
  kNotPermitted,   // SIGSEGV SEGV_ACCERR
  kBusError,       // SIGBUS BUS_ADRERR
  kOutOfMemory,
};

// Boot: whether 2 MiB that a program did not ask for by name come with one fault, as others do, but behind 512 entries. For
// QEMU's TCG: for an address inside the stretch from its lowest 2 MiB page to its highest, both halves of the address space
// among them, it flushes its whole TLB (tlb_add_large_page in accel/tcg/cputlb.c).
void map_blocks_by_pages(bool by_pages);

class AddressSpace {
 public:
  // Linux's default vm.max_map_count.
  static constexpr std::uint64_t kMaxRegions = 65530;

  // Boot. The seed places the mapping area: 28 random bits of address.
  static Result<void> initialise(std::uint64_t random_seed);
  explicit AddressSpace(std::uint64_t random_seed);

  Result<VirtAddr> map(const MapRequest& request);
  Result<void> unmap(VirtAddr address, std::uint64_t size);
  // Gives the mapping of [address, address + size), private and of one file, a patch, if it is still that: pages that
  // somebody has touched already stay as they are. kENOENT if it is not; kENOMEM.
  Result<void> patch_text(VirtAddr address, std::uint64_t size, const RefPtr<TextPatch>& patch);
  // Unmaps [address, address + size) if that is still one region of this name (the literal).
  void unmap_named(VirtAddr address, std::uint64_t size, const char* name);
  Result<void> protect(VirtAddr address, std::uint64_t size, Protection protection);
  // mremap(2); flags are Linux's MREMAP_ bits.
  Result<VirtAddr> remap(VirtAddr old_address, std::uint64_t old_size, std::uint64_t new_size,
                                 std::uint32_t flags, VirtAddr new_address);
  Result<void> advise(VirtAddr address, std::uint64_t size, std::int32_t advice);  // MADV_
  Result<void> sync(VirtAddr address, std::uint64_t size, std::uint32_t flags);    // MS_
  Result<void> residency(VirtAddr address, std::uint64_t size, std::uint8_t* vector);  // mincore
  VirtAddr set_break(VirtAddr address);  // brk(2): returns the break in force
  void set_break_start(VirtAddr start);  // exec

  // A page fault of the application at an instruction, or of the kernel on an application address.
  FaultOutcome handle_fault(VirtAddr address, FaultAccess access, VirtAddr instruction = VirtAddr());

  // For futexes on shared memory: what object and offset lie under address. kEFAULT if not mapped.
  struct SharedKey { const void* object; std::uint64_t offset; };
  Result<SharedKey> shared_key(VirtAddr address);

  struct RegionInformation {
    VirtAddr begin, end;
    Protection protection;
    Sharing sharing;
    std::uint64_t source_offset;
    PageSource* source;  // valid during the visit
    bool huge_tlb;
    const char* name;
  };
  // Ascending; visit must not map, unmap or fault.
  void for_each_region(void (*visit)(const RegionInformation& region, void* context), void* context);
  bool find_region(VirtAddr address, RegionInformation& region);  // source is not filled in

  struct PageInformation {
    bool mapped;   // belongs to a region
    bool present;  // has a frame
    bool owned;    // whose frame is this mapping's own, not a source's
    std::uint64_t frame_number;
  };
  // Of the pages from address on, as many as there is room for.
  void describe_pages(VirtAddr address, std::span<PageInformation> pages);

  struct Statistics {
    std::uint64_t mapped_bytes, peak_mapped_bytes;
    std::uint64_t resident_anonymous, resident_file, resident_shared, peak_resident;  // bytes
    std::uint64_t region_count;
    std::uint64_t huge_pages;  // anonymous, of 2 MiB, without MAP_HUGETLB's
    std::uint64_t faults_minor, faults_major;
  };
  Statistics statistics();

 private:
  friend class PageSource;
  friend class FaultHandler;

  // address_space.cc: regions.
  Result<VirtAddr> map_locked(const MapRequest& request, std::uint64_t size, RegionChange& change) REQUIRES(lock_);
  Result<VirtAddr> choose_place(const MapRequest& request, std::uint64_t size) REQUIRES_SHARED(lock_);
  Result<void> unmap_locked(VirtAddr begin, VirtAddr end, RegionChange& change) REQUIRES(lock_);
  Result<Region*> insert_region(VirtAddr begin, VirtAddr end, const RegionProperties& properties,
                                const RefPtr<PageSource>& source, std::uint64_t source_offset) REQUIRES(lock_);
  Result<Region*> split_region(Region& region, VirtAddr at) REQUIRES(lock_);
  bool give_to_previous(Region& region, VirtAddr until, const RegionProperties& properties) REQUIRES(lock_);
  Result<Region*> isolate(Region& region, VirtAddr begin, VirtAddr end) REQUIRES(lock_);
  Region& merge_neighbours(Region& region, RegionChange& change) REQUIRES(lock_);
  Region& absorb_next(Region& region, Region& following, RegionChange& change) REQUIRES(lock_);
  void remove_region(Region& region, RegionChange& change) REQUIRES(lock_);
  void free_tables_around(VirtAddr begin, VirtAddr end, RegionChange& change) REQUIRES(lock_);
  void regions_changed() REQUIRES(lock_);
  void count_mapped(std::int64_t bytes) REQUIRES(lock_);
  static Result<void> check_commitment(std::uint64_t bytes, Protection protection, Sharing sharing, bool no_reserve);

  // address_space_remap.cc
  Result<VirtAddr> move_mapping(Region& region, VirtAddr old_address, std::uint64_t old_size, std::uint64_t new_size,
                                VirtAddr new_address, std::uint32_t flags, RegionChange& change) REQUIRES(lock_);
  static void revert_patches(const Region& region, VirtAddr begin, VirtAddr end);
  Result<void> grow_in_place(Region& region, std::uint64_t more, RegionChange& change) REQUIRES(lock_);

  // address_space_advise.cc
  Result<void> discard(VirtAddr begin, VirtAddr end, std::int32_t advice);
  Result<void> set_huge_pages(VirtAddr begin, VirtAddr end, HugePages preference);
  Result<void> remove_backing(VirtAddr begin, VirtAddr end);
  Result<void> populate(VirtAddr begin, VirtAddr end, std::int32_t advice);
  Result<void> check_mapped(VirtAddr begin, VirtAddr end, std::int32_t advice);
  void populate_new(VirtAddr begin, VirtAddr end);

  Region* region_for_fault(VirtAddr address) REQUIRES_SHARED(lock_);

  RwLock lock_{LockRank::kAddressSpace};
  // Held by every fault on memory that is lent (code_pages.h), from the look at an entry until that has its new rights. In
  // between the thread may lose its CPU, and the turns of others would give the entry the same looks again.
  Mutex turns_{LockRank::kCodePages};
  RegionTree regions_ GUARDED_BY(lock_){VirtAddr(kApplicationBegin)};
  // Counts changes of regions; a CPU's memory of the last region that faulted holds for one count.
  std::atomic<std::uint64_t> generation_{1};
  std::uint64_t mapped_bytes_ GUARDED_BY(lock_) = 0;
  std::uint64_t peak_mapped_bytes_ GUARDED_BY(lock_) = 0;
  VirtAddr break_start_ GUARDED_BY(lock_);
  VirtAddr break_ GUARDED_BY(lock_);
  const VirtAddr mapping_top_;

  struct LastFault {
    std::atomic<Region*> region{nullptr};
    std::atomic<std::uint64_t> generation{0};
  };
  PerCpu<LastFault> last_fault_;
};

AddressSpace& address_space();

}  // namespace mokapot
