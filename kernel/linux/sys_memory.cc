// SPDX-License-Identifier: Apache-2.0
//
// System calls on the address space: mmap and its family, brk, mlock, membarrier. They decode Linux's
// flags and check what Linux checks before it looks at the regions; the rest is vm/address_space.h's.
// NUMA policy is in sys_numa.cc.
#include <algorithm>

#include "exec/direct_calls.h"
#include "fs/vfs.h"
#include "irq/irq.h"
#include "linux/syscall_types.h"
#include "process/descriptor_table.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kProtectionBits = 7;
constexpr std::uint64_t kProtSem = 0x8, kProtGrowsDown = 0x0100'0000, kProtGrowsUp = 0x0200'0000;

constexpr std::uint64_t kMapTypeMask = 0x0f, kMapShared = 0x01, kMapPrivate = 0x02, kMapSharedValidate = 0x03;
constexpr std::uint64_t kMapFixed = 0x10, kMapAnonymous = 0x20, kMap32Bit = 0x40, kMapGrowsDown = 0x0100;
constexpr std::uint64_t kMapDenyWrite = 0x0800, kMapExecutable = 0x1000, kMapLocked = 0x2000;
constexpr std::uint64_t kMapNoReserve = 0x4000, kMapPopulate = 0x8000, kMapNonBlock = 0x1'0000;
constexpr std::uint64_t kMapStack = 0x2'0000, kMapHugeTlb = 0x4'0000, kMapFixedNoReplace = 0x10'0000;
constexpr std::uint64_t kMapUninitialised = 0x400'0000;
// What MAP_SHARED_VALIDATE knows (MAP_SYNC is for storage that we do not have).
constexpr std::uint64_t kMapKnown =
    kMapTypeMask | kMapFixed | kMapAnonymous | kMap32Bit | kMapGrowsDown | kMapDenyWrite | kMapExecutable |
    kMapLocked | kMapNoReserve | kMapPopulate | kMapNonBlock | kMapStack | kMapHugeTlb | kHugePageSizeMask |
    kMapUninitialised;

Protection protection_of(std::uint64_t bits) { return static_cast<Protection>(bits & kProtectionBits); }

Placement placement_of(std::uint64_t flags, VirtAddr address) {
  if ((flags & kMapFixedNoReplace) != 0) return Placement::kFixedNoReplace;
  if ((flags & kMapFixed) != 0) return Placement::kFixed;
  if ((flags & kMap32Bit) != 0) return Placement::kLow32;
  return address.is_null() ? Placement::kAnywhere : Placement::kHint;
}

// The file's part of a request, with the refusals in Linux's order.
Result<void> request_file(MapRequest& request, std::uint64_t flags, File& file) {
  const std::uint64_t type = flags & kMapTypeMask;
  if (type != kMapShared && type != kMapPrivate && type != kMapSharedValidate) return Errno::kEINVAL;
  if (type == kMapSharedValidate && (flags & ~kMapKnown) != 0) return Errno::kEOPNOTSUPP;
  const bool shared = type != kMapPrivate;
  if (shared && permits(request.protection, Protection::kWrite) && !file.writable()) return Errno::kEACCES;
  if (!file.readable()) return Errno::kEACCES;
  request.source = TRY(file.page_source());
  if ((flags & kMapGrowsDown) != 0) return Errno::kEINVAL;
  request.sharing = shared ? Sharing::kShared : Sharing::kPrivate;
  if (shared && (!file.writable() || !request.source->writable())) {
    request.maximum = Protection::kRead | Protection::kExecute;
    if (permits(request.protection, Protection::kWrite)) return Errno::kEACCES;
  }
  return {};
}

Result<void> request_anonymous(MapRequest& request, std::uint64_t flags) {
  switch (flags & kMapTypeMask) {
    case kMapPrivate: return {};
    case kMapShared:
      if ((flags & kMapGrowsDown) != 0) return Errno::kEINVAL;
      request.sharing = Sharing::kShared;
      return {};
    default: return Errno::kEINVAL;
  }
}

bool is_huge_tlb(File& file) {
  const Result<RefPtr<PageSource>> source = file.page_source();
  return source.ok() && source.value()->huge_tlb();
}

Result<void> request_huge_pages(MapRequest& request, std::uint64_t flags) {
  if (!is_huge_page_size(flags)) return Errno::kEINVAL;
  request.huge_tlb = true;
  request.stack = false;
  if (request.sharing == Sharing::kShared) {
    request.source = TRY(create_shared_memory(align_up(request.size, kHugePageSize), kMemfdHugeTlb));
  }
  return {};
}

// A mapping of a hugetlb file fails now if there is no memory for it, and not when it is touched.
Result<void> check_huge_file(MapRequest& request) {
  if (!is_aligned(request.source_offset, kHugePageSize)) return Errno::kEINVAL;
  request.huge_tlb = true;
  request.size = align_up(request.size, kHugePageSize);
  return request.source->reserve(request.source_offset >> kPageShift, request.size >> kPageShift);
}

Result<void> check_range_mapped(VirtAddr begin, std::uint64_t size) {
  constexpr std::int32_t kAdviceNormal = 0;  // does nothing but find holes
  return address_space().advise(begin, size, kAdviceNormal);
}

// Locked memory is resident memory; nothing here is ever swapped, so populating is all there is to do.
SyscallResult lock_range(VirtAddr address, std::size_t size, bool populate) {
  const VirtAddr begin = address.page_down();
  const std::uint64_t length = align_up(size + address.page_offset(), kPageSize);
  if (begin.value() + length < begin.value()) return Errno::kEINVAL;
  if (length == 0) return 0;
  TRY(check_range_mapped(begin, length));
  if (!populate) return 0;
  for (std::uint64_t done = 0; done < length; done += kPageSize) {
    const FaultOutcome outcome = address_space().handle_fault(begin + done, FaultAccess::kRead);
    if (outcome == FaultOutcome::kOutOfMemory) return Errno::kEAGAIN;
    if (outcome != FaultOutcome::kResolved) return Errno::kENOMEM;
  }
  return 0;
}

}  // namespace

SyscallResult sys_mmap(VirtAddr address, std::size_t size, Flags protection, Flags flags, Descriptor descriptor,
                       Offset offset) {
  if (!is_aligned(static_cast<std::uint64_t>(offset), kPageSize)) return Errno::kEINVAL;
  RefPtr<File> file;
  if ((flags & kMapAnonymous) == 0) {
    file = TRY(descriptor_file(descriptor));
    if ((flags & kMapHugeTlb) != 0 && !is_huge_tlb(*file)) return Errno::kEINVAL;
  }
  if (size == 0) return Errno::kEINVAL;
  const std::uint64_t length = align_up(size, kPageSize);
  if (length == 0) return Errno::kENOMEM;
  const auto first_page = static_cast<std::uint64_t>(offset) >> kPageShift;
  if (first_page + (length >> kPageShift) < first_page) return Errno::kEOVERFLOW;

  MapRequest request;
  request.address = address;
  request.size = size;
  request.protection = protection_of(protection);
  request.placement = placement_of(flags, address);
  request.no_reserve = (flags & kMapNoReserve) != 0;
  request.stack = (flags & (kMapStack | kMapGrowsDown)) != 0;
  request.populate = (flags & kMapLocked) != 0 || (flags & (kMapPopulate | kMapNonBlock)) == kMapPopulate;
  if (file) {
    request.source_offset = static_cast<std::uint64_t>(offset);
    TRY(request_file(request, flags, *file));
  } else {
    TRY(request_anonymous(request, flags));
    if ((flags & kMapHugeTlb) != 0) TRY(request_huge_pages(request, flags));
  }
  if (request.source && request.source->huge_tlb()) TRY(check_huge_file(request));
  const VirtAddr place = TRY(address_space().map(request));
  if (file && request.sharing == Sharing::kPrivate && request.protection == (Protection::kRead | Protection::kExecute))
    install_direct_calls(*file, place, request.size, request.source_offset);
  return static_cast<std::int64_t>(place.value());
}

SyscallResult sys_munmap(VirtAddr address, std::size_t size) {
  TRY(address_space().unmap(address, size));
  return 0;
}

SyscallResult sys_mprotect(VirtAddr address, std::size_t size, Flags protection) {
  constexpr std::uint64_t kGrows = kProtGrowsDown | kProtGrowsUp;
  if ((protection & kGrows) == kGrows) return Errno::kEINVAL;
  if (!address.is_page_aligned()) return Errno::kEINVAL;
  if (size == 0) return 0;
  if ((protection & ~(kProtectionBits | kProtSem | kGrows)) != 0) return Errno::kEINVAL;
  // No mapping grows by itself here (stacks are mapped whole), so none can be extended to its growing end.
  if ((protection & kGrows) != 0) return Errno::kEINVAL;
  TRY(address_space().protect(address, size, protection_of(protection)));
  return 0;
}

SyscallResult sys_mremap(VirtAddr old_address, std::size_t old_size, std::size_t new_size, Flags flags,
                         VirtAddr new_address) {
  if (flags > UINT32_MAX) return Errno::kEINVAL;
  const VirtAddr place = TRY(address_space().remap(old_address, old_size, new_size,
                                                   static_cast<std::uint32_t>(flags), new_address));
  return static_cast<std::int64_t>(place.value());
}

SyscallResult sys_remap_file_pages(VirtAddr, std::size_t, Flags, std::size_t, Flags) { return Errno::kENOSYS; }

SyscallResult sys_madvise(VirtAddr address, std::size_t size, int advice) {
  TRY(address_space().advise(address, size, advice));
  return 0;
}

SyscallResult sys_brk(VirtAddr address) {
  return static_cast<std::int64_t>(address_space().set_break(address).value());
}

SyscallResult sys_msync(VirtAddr address, std::size_t size, Flags flags) {
  if (flags > UINT32_MAX) return Errno::kEINVAL;
  TRY(address_space().sync(address, size, static_cast<std::uint32_t>(flags)));
  return 0;
}

SyscallResult sys_mincore(VirtAddr address, std::size_t size, VirtAddr vector) {
  if (!address.is_page_aligned()) return Errno::kEINVAL;
  if (!is_application_range(address, size)) return Errno::kENOMEM;
  std::uint64_t pages = align_up(size, kPageSize) >> kPageShift;
  if (!is_application_range(vector, pages)) return Errno::kEFAULT;
  std::uint8_t part[256];
  while (pages > 0) {
    const std::uint64_t count = std::min<std::uint64_t>(pages, sizeof part);
    TRY(address_space().residency(address, count << kPageShift, part));
    TRY(copy_to_application(vector, part, count));
    address += count << kPageShift;
    vector += count;
    pages -= count;
  }
  return 0;
}

SyscallResult sys_mlock(VirtAddr address, std::size_t size) { return lock_range(address, size, true); }

SyscallResult sys_mlock2(VirtAddr address, std::size_t size, Flags flags) {
  constexpr std::uint64_t kOnFault = 1;
  if ((flags & ~kOnFault) != 0) return Errno::kEINVAL;
  return lock_range(address, size, flags == 0);
}

SyscallResult sys_munlock(VirtAddr address, std::size_t size) { return lock_range(address, size, false); }

SyscallResult sys_mlockall(Flags flags) {
  constexpr std::uint64_t kCurrent = 1, kFuture = 2, kOnFault = 4;
  if (flags == 0 || (flags & ~(kCurrent | kFuture | kOnFault)) != 0 || flags == kOnFault) return Errno::kEINVAL;
  return 0;
}

SyscallResult sys_munlockall() { return 0; }

// --- membarrier ---------------------------------------------------------------------------------------

SyscallResult sys_membarrier(int command, Flags flags, int) {
  constexpr int kQuery = 0, kGlobal = 1, kGlobalExpedited = 2, kRegisterGlobal = 4, kPrivate = 8;
  constexpr int kRegisterPrivate = 16, kPrivateSyncCore = 32, kRegisterSyncCore = 64;
  // Which expedited commands the process has registered for.
  static constinit std::atomic<int> registered{0};
  if (flags != 0) return Errno::kEINVAL;
  int needed = 0;
  switch (command) {
    case kQuery:
      return kGlobal | kGlobalExpedited | kRegisterGlobal | kPrivate | kRegisterPrivate | kPrivateSyncCore |
             kRegisterSyncCore;
    case kRegisterGlobal:
    case kRegisterPrivate:
    case kRegisterSyncCore: registered.fetch_or(command, std::memory_order_relaxed); return 0;
    case kGlobal:
    case kGlobalExpedited: break;
    case kPrivate: needed = kRegisterPrivate; break;
    case kPrivateSyncCore: needed = kRegisterSyncCore; break;
    default: return Errno::kEINVAL;
  }
  if (needed != 0 && (registered.load(std::memory_order_relaxed) & needed) == 0) return Errno::kEPERM;
  // The interrupt itself orders memory on its CPU, and the return from it serialises instructions.
  call_on_cpus(online_cpus(), [](void*) { std::atomic_thread_fence(std::memory_order_seq_cst); }, nullptr);
  return 0;
}

}  // namespace mokapot
