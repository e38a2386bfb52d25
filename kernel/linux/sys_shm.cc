// SPDX-License-Identifier: Apache-2.0
//
// System V shared memory: files in memory that are found by a number or a key, and attached where nothing is mapped.
// With one process they serve those who want SHM_HUGETLB (HotSpot 17 with UseSHM) and libraries that use them inside
// a process. Permissions are kept and shown.
//
// An attachment is a mapping like any other: munmap ends it as well, which is noticed when somebody counts.
//
// Lock: the table's mutex (rank kProcess), outside the address space's.
#include <cstring>

#include "base/global.h"
#include "base/vector.h"
#include "fs/vfs.h"
#include "linux/segments.h"
#include "linux/syscall_types.h"
#include "memory/frames.h"
#include "sched/mutex.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr int kPrivateKey = 0;
constexpr std::uint64_t kCreate = 01000, kExclusive = 02000, kHugeTlb = 04000, kPermissions = 0777;
constexpr std::size_t kMostSegments = 4096;

struct Segment {
  int id;
  int key;
  std::uint32_t mode;
  std::uint64_t size;  // as asked for
  RefPtr<PageSource> source;
  bool removed = false;  // goes with its last attachment
};
struct Attachment {
  int id;
  VirtAddr address;
};

struct SegmentTable {
  Mutex mutex{LockRank::kProcess};
  Vector<Segment> segments GUARDED_BY(mutex);
  Vector<Attachment> attachments GUARDED_BY(mutex);
  int next_id GUARDED_BY(mutex) = 0;
};
Global<SegmentTable> table;

std::uint64_t mapped_size(const Segment& segment) {
  return align_up(segment.size, segment.source->huge_tlb() ? kHugePageSize : kPageSize);
}

Segment* find_segment_locked(int id) REQUIRES(table->mutex) {
  for (Segment& segment : table->segments) {
    if (segment.id == id) return &segment;
  }
  return nullptr;
}

bool still_attached(const Segment& segment, VirtAddr address) {
  const auto key = address_space().shared_key(address);
  return key.ok() && key.value().object == segment.source.get() && key.value().offset == 0;
}

// Forgets attachments that were unmapped, and counts the others.
std::uint64_t count_attachments_locked(const Segment& segment) REQUIRES(table->mutex) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < table->attachments.size();) {
    Attachment& attachment = table->attachments[i];
    if (attachment.id != segment.id) {
      ++i;
    } else if (still_attached(segment, attachment.address)) {
      ++count;
      ++i;
    } else {
      attachment = table->attachments.back();
      table->attachments.pop_back();
    }
  }
  return count;
}

void destroy_if_unused_locked(Segment& segment) REQUIRES(table->mutex) {
  if (!segment.removed || count_attachments_locked(segment) > 0) return;
  if (&segment != &table->segments.back()) std::swap(segment, table->segments.back());
  table->segments.pop_back();
}

Result<int> create_segment_locked(int key, std::size_t size, std::uint64_t flags) REQUIRES(table->mutex) {
  if (size == 0 || size > total_frame_count() * kPageSize * 16) return size == 0 ? Errno::kEINVAL : Errno::kENOMEM;
  if (table->segments.size() >= kMostSegments) return Errno::kENOSPC;
  const bool huge = (flags & kHugeTlb) != 0;
  const std::uint64_t bytes = align_up(size, huge ? kHugePageSize : kPageSize);
  RefPtr<PageSource> source = TRY(create_shared_memory(bytes, huge ? kMemfdHugeTlb : 0));
  if (huge) TRY(source->reserve(0, bytes >> kPageShift));
  const int id = table->next_id++;
  TRY(table->segments.push_back({id, key, static_cast<std::uint32_t>(flags & kPermissions), size, std::move(source)}));
  return id;
}

// struct shmid_ds of shmctl(2).
struct SegmentStatus {
  std::int32_t key;
  std::uint32_t user, group, creator, creator_group, mode;
  std::uint32_t sequence_and_padding;
  std::uint32_t padding;
  std::uint64_t unused[2];
  std::uint64_t size;
  std::int64_t attached, detached, changed;
  std::int32_t creator_process, last_process;
  std::uint64_t attachments;
  std::uint64_t more_unused[2];
};
static_assert(sizeof(SegmentStatus) == 112);

}  // namespace

void initialise_segments() { table.construct(); }

SyscallResult sys_shmget(int key, std::size_t size, Flags flags) {
  MutexGuard guard(table->mutex);
  if (key != kPrivateKey) {
    for (const Segment& segment : table->segments) {
      if (segment.key != key || segment.removed) continue;
      if ((flags & (kCreate | kExclusive)) == (kCreate | kExclusive)) return Errno::kEEXIST;
      if (size > segment.size) return Errno::kEINVAL;
      return segment.id;
    }
    if ((flags & kCreate) == 0) return Errno::kENOENT;
  }
  return TRY(create_segment_locked(key, size, flags));
}

SyscallResult sys_shmat(int id, VirtAddr address, Flags flags) {
  constexpr std::uint64_t kReadOnly = 010000, kRound = 020000, kReplace = 040000, kExecute = 0100000;
  MutexGuard guard(table->mutex);
  const Segment* segment = find_segment_locked(id);
  if (segment == nullptr) return Errno::kEINVAL;
  MapRequest request;
  request.address = address;
  if (!address.is_null()) {
    if ((flags & kRound) != 0) request.address = address.page_down();
    else if (!address.is_page_aligned()) return Errno::kEINVAL;
    request.placement = (flags & kReplace) != 0 ? Placement::kFixed : Placement::kFixedNoReplace;
  } else if ((flags & kReplace) != 0) {
    return Errno::kEINVAL;
  }
  request.size = mapped_size(*segment);
  request.protection = Protection::kRead;
  if ((flags & kReadOnly) == 0) request.protection = request.protection | Protection::kWrite;
  else request.maximum = Protection::kRead | Protection::kExecute;
  if ((flags & kExecute) != 0) request.protection = request.protection | Protection::kExecute;
  request.sharing = Sharing::kShared;
  request.source = segment->source;
  request.huge_tlb = segment->source->huge_tlb();
  TRY(table->attachments.push_back({id, VirtAddr()}));
  const Result<VirtAddr> place = address_space().map(request);
  if (!place.ok()) {
    table->attachments.pop_back();
    return place.error() == Errno::kEEXIST ? Errno::kEINVAL : place.error();
  }
  table->attachments.back().address = place.value();
  return static_cast<std::int64_t>(place.value().value());
}

SyscallResult sys_shmdt(VirtAddr address) {
  MutexGuard guard(table->mutex);
  for (const Attachment& attachment : table->attachments) {
    if (attachment.address != address) continue;
    Segment* segment = find_segment_locked(attachment.id);
    if (segment == nullptr || !still_attached(*segment, address)) continue;
    TRY(address_space().unmap(address, mapped_size(*segment)));
    (void)count_attachments_locked(*segment);
    destroy_if_unused_locked(*segment);
    return 0;
  }
  return Errno::kEINVAL;
}

SyscallResult sys_shmctl(int id, int command, VirtAddr buffer) {
  constexpr int kRemove = 0, kSet = 1, kStatus = 2;
  MutexGuard guard(table->mutex);
  if (command != kRemove && command != kSet && command != kStatus) return Errno::kEINVAL;
  Segment* segment = find_segment_locked(id);
  if (segment == nullptr) return Errno::kEINVAL;
  if (command == kRemove) {
    segment->removed = true;
    segment->key = kPrivateKey;
    destroy_if_unused_locked(*segment);
    return 0;
  }
  if (command == kSet) {
    const auto wanted = TRY(read_application<SegmentStatus>(buffer));
    segment->mode = wanted.mode & static_cast<std::uint32_t>(kPermissions);
    return 0;
  }
  SegmentStatus status{};
  constexpr std::uint32_t kRemovedMode = 01000;  // SHM_DEST
  status.key = segment->key;
  status.mode = segment->mode | (segment->removed ? kRemovedMode : 0) | (segment->source->huge_tlb() ? kHugeTlb : 0);
  status.size = segment->size;
  status.creator_process = status.last_process = 1;
  status.attachments = count_attachments_locked(*segment);
  TRY(write_application(buffer, status));
  return 0;
}

}  // namespace mokapot
