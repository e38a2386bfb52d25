// SPDX-License-Identifier: Apache-2.0
//
// The application's half of the one address space: regions (Linux's VMAs) in an ordered tree, populated
// lazily. mmap, munmap, mprotect, mremap, madvise, brk, mincore, msync exactly as Linux answers.
//
// Locks: lock_ (RwLock, rank kAddressSpace): page faults take it shared, changes of regions exclusively.
// Page-table entries are guarded by hashed page-table spinlocks (rank kPageTable). Frames taken out are
// freed only after the TLB flush that covers them.
// Contexts: thread context only; all functions may block.
#pragma once

#include <cstdint>

#include "base/ref_counted.h"
#include "base/result.h"
#include "base/types.h"
#include "vm/page_source.h"

namespace mokapot {

inline constexpr std::uint64_t kApplicationBegin = 0x1'0000;
inline constexpr std::uint64_t kApplicationEnd = 0x7fff'ffff'f000;

// Values are Linux's PROT_ bits.
enum class Protection : std::uint8_t { kNone = 0, kRead = 1, kWrite = 2, kExecute = 4, kAll = 7 };
constexpr Protection operator|(Protection a, Protection b) {
  return static_cast<Protection>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool permits(Protection have, Protection want) {
  return (static_cast<unsigned>(have) & static_cast<unsigned>(want)) == static_cast<unsigned>(want);
}

enum class Placement : std::uint8_t { kAnywhere, kHint, kFixed, kFixedNoReplace, kLow32 };
enum class Sharing : std::uint8_t { kPrivate, kShared };

struct MapRequest {
  VirtAddr address;                              // hint or place
  std::uint64_t size = 0;                        // bytes, rounded up to pages here
  Protection protection = Protection::kNone;
  Placement placement = Placement::kAnywhere;
  Sharing sharing = Sharing::kPrivate;
  bool no_reserve = false;
  bool populate = false;
  bool stack = false;                            // MAP_STACK, MAP_GROWSDOWN: 4 KiB pages
  bool huge_tlb = false;                         // MAP_HUGETLB: 2 MiB pages or kENOMEM
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

class AddressSpace {
 public:
  static Result<void> initialise();  // boot

  virtual Result<VirtAddr> map(const MapRequest& request) = 0;
  virtual Result<void> unmap(VirtAddr address, std::uint64_t size) = 0;
  virtual Result<void> protect(VirtAddr address, std::uint64_t size, Protection protection) = 0;
  // mremap(2); flags are Linux's MREMAP_ bits.
  virtual Result<VirtAddr> remap(VirtAddr old_address, std::uint64_t old_size, std::uint64_t new_size,
                                 std::uint32_t flags, VirtAddr new_address) = 0;
  virtual Result<void> advise(VirtAddr address, std::uint64_t size, std::int32_t advice) = 0;  // MADV_
  virtual Result<void> sync(VirtAddr address, std::uint64_t size, std::uint32_t flags) = 0;    // MS_
  virtual Result<void> residency(VirtAddr address, std::uint64_t size, std::uint8_t* vector) = 0;  // mincore
  virtual VirtAddr set_break(VirtAddr address) = 0;  // brk(2): returns the break in force
  virtual void set_break_start(VirtAddr start) = 0;  // exec

  // A page fault of the application, or of the kernel on an application address.
  virtual FaultOutcome handle_fault(VirtAddr address, FaultAccess access) = 0;

  // For futexes on shared memory: what object and offset lie under address. kEFAULT if not mapped.
  struct SharedKey { const void* object; std::uint64_t offset; };
  virtual Result<SharedKey> shared_key(VirtAddr address) = 0;

  struct RegionInformation {
    VirtAddr begin, end;
    Protection protection;
    Sharing sharing;
    std::uint64_t source_offset;
    PageSource* source;  // valid during the visit
    const char* name;
  };
  // Ascending; visit must not map, unmap or fault.
  virtual void for_each_region(void (*visit)(const RegionInformation& region, void* context), void* context) = 0;
  virtual bool find_region(VirtAddr address, RegionInformation& region) = 0;  // source is not filled in

  struct Statistics {
    std::uint64_t mapped_bytes, peak_mapped_bytes;
    std::uint64_t resident_anonymous, resident_file, resident_shared, peak_resident;  // bytes
    std::uint64_t region_count;
    std::uint64_t faults_minor, faults_major;
  };
  virtual Statistics statistics() = 0;

 protected:
  ~AddressSpace() = default;
};

AddressSpace& address_space();

}  // namespace mokapot
