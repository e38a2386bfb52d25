// SPDX-License-Identifier: Apache-2.0
//
// Slots are atomic pointers in chunks of kChunkSlots; a chunk is made once and stays, so a reader needs
// only an acquire load to find its slot. Beside the slots each chunk has two bitmaps, numbers taken and
// close-on-exec, both guarded by the table's lock. A taken number with an empty slot is reserved.
//
// Removal against look-up: the reader announces the pointer in its CPU's hazard slot and reads the table
// again; the remover empties the table's slot and then waits until no CPU announces the pointer. Both sides
// use sequentially consistent accesses, so at least one of them sees the other. Readers have
// preemption off between announcing and counting the reference, which is a few instructions: the
// remover's wait is bounded by that and by an interrupt.
#include "process/descriptor_table.h"

#include <atomic>
#include <bit>

#include "arch/cpu.h"
#include "io/record_lock.h"
#include "sync/spin_wait.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::uint32_t kChunkSlots = 1024;
constexpr std::uint32_t kChunks = kMaxDescriptors / kChunkSlots;
constexpr std::uint32_t kWordBits = 64;
constexpr std::uint32_t kNone = ~std::uint32_t{0};

struct Chunk {
  std::atomic<File*> slots[kChunkSlots] = {};
  std::uint64_t taken[kChunkSlots / kWordBits] = {};
  std::uint64_t close_on_exec[kChunkSlots / kWordBits] = {};
};

class DescriptorTable {
 public:
  constexpr DescriptorTable() = default;

  RefPtr<File> find(std::int32_t descriptor);
  Result<std::uint32_t> reserve(std::uint32_t lowest) EXCLUDES(lock_);
  // Puts the file's own reference into a reserved slot.
  void fill(std::uint32_t number, RefPtr<File> file, CloseOnExec close_on_exec) EXCLUDES(lock_);
  void give_back(std::uint32_t number) EXCLUDES(lock_);
  Result<RefPtr<File>> remove(std::uint32_t number) EXCLUDES(lock_);
  // Returns what was there, if anything. kEBUSY where the number is reserved.
  Result<RefPtr<File>> replace(std::uint32_t number, RefPtr<File> file, CloseOnExec close_on_exec)
      EXCLUDES(lock_);
  Result<CloseOnExec> close_on_exec(std::uint32_t number) EXCLUDES(lock_);
  Result<void> set_close_on_exec(std::uint32_t number, CloseOnExec value) EXCLUDES(lock_);
  // The lowest number from `from` up to `last` with a file in its slot, or kNone.
  std::uint32_t next_open(std::uint32_t from, std::uint32_t last);

  std::atomic<std::uint64_t> limit{1024};
  std::atomic<std::uint32_t> highest{0};  // ever taken; written under lock_

 private:
  Chunk* chunk_of(std::uint32_t number) const {
    return chunks_[number / kChunkSlots].load(std::memory_order_acquire);
  }
  std::atomic<File*>* slot_of(std::uint32_t number) const {
    Chunk* chunk = chunk_of(number);
    return chunk == nullptr ? nullptr : &chunk->slots[number % kChunkSlots];
  }
  Result<void> make_chunk(std::uint32_t index) EXCLUDES(lock_);
  static void set_bit(std::uint64_t* words, std::uint32_t index, bool value) {
    const std::uint64_t bit = std::uint64_t{1} << (index % kWordBits);
    words[index / kWordBits] = value ? words[index / kWordBits] | bit : words[index / kWordBits] & ~bit;
  }
  static bool bit(const std::uint64_t* words, std::uint32_t index) {
    return (words[index / kWordBits] >> (index % kWordBits) & 1) != 0;
  }
  void set_flag_locked(std::uint32_t number, CloseOnExec value) REQUIRES(lock_) {
    set_bit(chunk_of(number)->close_on_exec, number % kChunkSlots, value == CloseOnExec::kYes);
  }
  std::uint32_t find_free_locked(std::uint32_t lowest) REQUIRES(lock_);
  void mark_taken_locked(Chunk& chunk, std::uint32_t number) REQUIRES(lock_) {
    set_bit(chunk.taken, number % kChunkSlots, true);
    if (number > highest.load(std::memory_order_relaxed)) highest.store(number, std::memory_order_relaxed);
  }
  // Returns once no reader can still be about to take a reference to file.
  void wait_for_readers(File* file);

  SpinLock lock_{LockRank::kReadiness};
  std::atomic<Chunk*> chunks_[kChunks] = {};  // written once each, with release, under lock_
  std::uint32_t first_maybe_free_ GUARDED_BY(lock_) = 0;  // every number below it is taken
  PerCpu<std::atomic<File*>> hazards_;
};

constinit DescriptorTable table;

RefPtr<File> DescriptorTable::find(std::int32_t descriptor) {
  if (descriptor < 0 || static_cast<std::uint32_t>(descriptor) >= kMaxDescriptors) return nullptr;
  std::atomic<File*>* slot = slot_of(static_cast<std::uint32_t>(descriptor));
  if (slot == nullptr) return nullptr;
  PreemptGuard guard;
  std::atomic<File*>& hazard = hazards_.mine();
  File* file = slot->load(std::memory_order_relaxed);
  while (file != nullptr) {
    hazard.store(file, std::memory_order_seq_cst);
    File* again = slot->load(std::memory_order_seq_cst);
    if (again == file) break;  // still there after the announcement: the remover will wait for us
    file = again;
  }
  RefPtr<File> result(file);
  hazard.store(nullptr, std::memory_order_release);
  return result;
}

void DescriptorTable::wait_for_readers(File* file) {
  SpinWait wait;
  for (std::uint32_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    while (hazards_.of(CpuId(cpu)).load(std::memory_order_seq_cst) == file) wait();
  }
}

Result<void> DescriptorTable::make_chunk(std::uint32_t index) {
  std::unique_ptr<Chunk> fresh = TRY(make_unique_or_error<Chunk>());
  SpinGuard guard(lock_);
  if (chunks_[index].load(std::memory_order_relaxed) == nullptr) {
    chunks_[index].store(fresh.release(), std::memory_order_release);
  }
  return {};
}

std::uint32_t DescriptorTable::find_free_locked(std::uint32_t lowest) {
  std::uint32_t number = lowest < first_maybe_free_ ? first_maybe_free_ : lowest;
  while (number < kMaxDescriptors) {
    Chunk* chunk = chunk_of(number);
    if (chunk == nullptr) return number;
    const std::uint32_t index = number % kChunkSlots;
    const std::uint64_t free = ~chunk->taken[index / kWordBits] >> (index % kWordBits);
    if (free != 0) return number + static_cast<std::uint32_t>(std::countr_zero(free));
    number = (number / kWordBits + 1) * kWordBits;
  }
  return kNone;
}

Result<std::uint32_t> DescriptorTable::reserve(std::uint32_t lowest) {
  while (true) {
    std::uint32_t number = kNone;
    {
      SpinGuard guard(lock_);
      number = find_free_locked(lowest);
      if (number >= limit.load(std::memory_order_relaxed)) return Errno::kEMFILE;
      if (Chunk* chunk = chunk_of(number); chunk != nullptr) {
        mark_taken_locked(*chunk, number);
        if (lowest <= first_maybe_free_) first_maybe_free_ = number + 1;
        return number;
      }
    }
    TRY(make_chunk(number / kChunkSlots));  // outside the lock; then look again
  }
}

void DescriptorTable::fill(std::uint32_t number, RefPtr<File> file, CloseOnExec close_on_exec) {
  file->descriptor_added();
  SpinGuard guard(lock_);
  set_flag_locked(number, close_on_exec);
  slot_of(number)->store(file.release(), std::memory_order_release);
}

void DescriptorTable::give_back(std::uint32_t number) {
  SpinGuard guard(lock_);
  set_bit(chunk_of(number)->taken, number % kChunkSlots, false);
  if (number < first_maybe_free_) first_maybe_free_ = number;
}

Result<RefPtr<File>> DescriptorTable::remove(std::uint32_t number) {
  if (number >= kMaxDescriptors) return Errno::kEBADF;
  File* file = nullptr;
  {
    SpinGuard guard(lock_);
    std::atomic<File*>* slot = slot_of(number);
    if (slot == nullptr) return Errno::kEBADF;
    file = slot->exchange(nullptr, std::memory_order_seq_cst);
    if (file == nullptr) return Errno::kEBADF;  // free, or reserved by an open under way
    set_bit(chunk_of(number)->taken, number % kChunkSlots, false);
    if (number < first_maybe_free_) first_maybe_free_ = number;
  }
  wait_for_readers(file);
  return RefPtr<File>::adopt(file);
}

Result<RefPtr<File>> DescriptorTable::replace(std::uint32_t number, RefPtr<File> file,
                                              CloseOnExec close_on_exec) {
  if (chunk_of(number) == nullptr) TRY(make_chunk(number / kChunkSlots));
  file->descriptor_added();
  File* old = nullptr;
  {
    SpinGuard guard(lock_);
    Chunk* chunk = chunk_of(number);
    std::atomic<File*>& slot = chunk->slots[number % kChunkSlots];
    if (bit(chunk->taken, number % kChunkSlots) && slot.load(std::memory_order_relaxed) == nullptr) {
      file->descriptor_removed();
      return Errno::kEBUSY;
    }
    mark_taken_locked(*chunk, number);
    set_flag_locked(number, close_on_exec);
    old = slot.exchange(file.release(), std::memory_order_seq_cst);
  }
  if (old != nullptr) wait_for_readers(old);
  return RefPtr<File>::adopt(old);
}

Result<CloseOnExec> DescriptorTable::close_on_exec(std::uint32_t number) {
  if (number >= kMaxDescriptors) return Errno::kEBADF;
  SpinGuard guard(lock_);
  Chunk* chunk = chunk_of(number);
  if (chunk == nullptr || chunk->slots[number % kChunkSlots].load() == nullptr) return Errno::kEBADF;
  return bit(chunk->close_on_exec, number % kChunkSlots) ? CloseOnExec::kYes : CloseOnExec::kNo;
}

Result<void> DescriptorTable::set_close_on_exec(std::uint32_t number, CloseOnExec value) {
  if (number >= kMaxDescriptors) return Errno::kEBADF;
  SpinGuard guard(lock_);
  Chunk* chunk = chunk_of(number);
  if (chunk == nullptr || chunk->slots[number % kChunkSlots].load() == nullptr) return Errno::kEBADF;
  set_flag_locked(number, value);
  return {};
}

std::uint32_t DescriptorTable::next_open(std::uint32_t from, std::uint32_t last) {
  for (std::uint32_t number = from; number < kMaxDescriptors && number <= last;) {
    Chunk* chunk = chunk_of(number);
    if (chunk == nullptr) {
      number = (number / kChunkSlots + 1) * kChunkSlots;
      continue;
    }
    if (chunk->slots[number % kChunkSlots].load(std::memory_order_relaxed) != nullptr) return number;
    ++number;
  }
  return kNone;
}

// What every way of closing does with the file that left the table, outside its lock. POSIX record locks
// go with the first descriptor of the file that is closed, whoever else holds the file open.
void after_removal(RefPtr<File> file) {
  if (!file) return;
  release_process_locks(*file);
  if (file->descriptor_removed()) file->on_closed();
}

}  // namespace

Result<RefPtr<File>> descriptor_file_or_path(std::int32_t descriptor) {
  RefPtr<File> file = table.find(descriptor);
  if (!file) return Errno::kEBADF;
  return file;
}

Result<RefPtr<File>> descriptor_file(std::int32_t descriptor) {
  RefPtr<File> file = table.find(descriptor);
  if (!file || (file->flags() & kOpenPath) != 0) return Errno::kEBADF;
  return file;
}

Result<std::int32_t> install_descriptor(RefPtr<File> file, CloseOnExec close_on_exec,
                                        std::int32_t lowest) {
  const std::uint32_t number = TRY(table.reserve(static_cast<std::uint32_t>(lowest)));
  table.fill(number, std::move(file), close_on_exec);
  return static_cast<std::int32_t>(number);
}

Result<DescriptorReservation> DescriptorReservation::create() {
  return DescriptorReservation(static_cast<std::int32_t>(TRY(table.reserve(0))));
}

DescriptorReservation::~DescriptorReservation() {
  if (number_ >= 0) table.give_back(static_cast<std::uint32_t>(number_));
}

std::int32_t DescriptorReservation::install(RefPtr<File> file, CloseOnExec close_on_exec) {
  table.fill(static_cast<std::uint32_t>(number_), std::move(file), close_on_exec);
  return std::exchange(number_, -1);
}

Result<void> close_descriptor(std::int32_t descriptor) {
  after_removal(TRY(table.remove(static_cast<std::uint32_t>(descriptor))));
  return {};
}

Result<std::int32_t> duplicate_descriptor(std::int32_t descriptor, std::int32_t lowest,
                                          CloseOnExec close_on_exec) {
  RefPtr<File> file = TRY(descriptor_file_or_path(descriptor));
  if (lowest < 0 || static_cast<std::uint64_t>(lowest) >= descriptor_limit()) return Errno::kEINVAL;
  return install_descriptor(std::move(file), close_on_exec, lowest);
}

Result<std::int32_t> replace_descriptor(std::int32_t from, std::int32_t to, CloseOnExec close_on_exec) {
  if (to < 0 || static_cast<std::uint64_t>(to) >= descriptor_limit()) return Errno::kEBADF;
  RefPtr<File> file = TRY(descriptor_file_or_path(from));
  after_removal(TRY(table.replace(static_cast<std::uint32_t>(to), std::move(file), close_on_exec)));
  return to;
}

Result<CloseOnExec> descriptor_close_on_exec(std::int32_t descriptor) {
  return table.close_on_exec(static_cast<std::uint32_t>(descriptor));
}

Result<void> set_descriptor_close_on_exec(std::int32_t descriptor, CloseOnExec close_on_exec) {
  return table.set_close_on_exec(static_cast<std::uint32_t>(descriptor), close_on_exec);
}

void close_descriptor_range(std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t number = first; (number = table.next_open(number, last)) != kNone; ++number) {
    Result<RefPtr<File>> removed = table.remove(number);
    if (removed.ok()) after_removal(removed.take());
  }
}

void set_close_on_exec_range(std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t number = first; (number = table.next_open(number, last)) != kNone; ++number) {
    // Another thread may have closed it meanwhile, which is as good.
    [[maybe_unused]] const auto set = table.set_close_on_exec(number, CloseOnExec::kYes);
  }
}

std::int32_t next_descriptor(std::int32_t from) {
  const std::uint32_t number = table.next_open(static_cast<std::uint32_t>(from), kMaxDescriptors);
  return number == kNone ? -1 : static_cast<std::int32_t>(number);
}

std::uint32_t descriptor_table_size() {
  constexpr std::uint32_t kFirst = 64, kStep = 128;
  const std::uint32_t highest = table.highest.load(std::memory_order_relaxed);
  return highest < kFirst ? kFirst : std::bit_ceil(highest / kStep + 1) * kStep;
}

std::uint64_t descriptor_limit() { return table.limit.load(std::memory_order_relaxed); }

void set_descriptor_limit(std::uint64_t limit) {
  const std::uint64_t most = kMaxDescriptors;
  table.limit.store(limit < most ? limit : most, std::memory_order_relaxed);
}

}  // namespace mokapot
