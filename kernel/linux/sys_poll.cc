// SPDX-License-Identifier: Apache-2.0
//
// poll(2) and select(2): several files at once, for a time.
#include <algorithm>

#include "io/poll_wait.h"
#include "linux/file_arguments.h"
#include "linux/temporary_mask.h"
#include "linux/time_types.h"
#include "process/descriptor_table.h"

namespace mokapot {
namespace {

// struct pollfd.
struct PollEntry {
  std::int32_t descriptor;
  std::uint16_t asked, found;
};
static_assert(sizeof(PollEntry) == 8);

// An array on the stack where it is small.
template <typename T, std::size_t kSmall>
class ScratchArray {
 public:
  Result<void> resize(std::size_t size) {
    if (size <= kSmall) return {};
    large_.reset(new (std::nothrow) T[size]());
    if (!large_) return Errno::kENOMEM;
    return {};
  }
  T* data() { return large_ ? large_.get() : small_; }
  T& operator[](std::size_t i) { return data()[i]; }

 private:
  T small_[kSmall] = {};
  std::unique_ptr<T[]> large_;
};
constexpr std::size_t kFewFiles = 8;

// Asks every entry's file; -1 is passed over, a number that is not open is POLLNVAL.
std::size_t ask(PollEntry* entries, RefPtr<File>* files, std::size_t count) {
  std::size_t ready = 0;
  for (std::size_t i = 0; i < count; ++i) {
    PollEntry& entry = entries[i];
    entry.found = 0;
    if (entry.descriptor < 0) continue;
    if (!files[i]) {
      entry.found = kPollInvalid;
    } else {
      const PollEvents wanted = entry.asked | kPollError | kPollHangUp;
      entry.found = static_cast<std::uint16_t>(files[i]->poll() & wanted);
    }
    if (entry.found != 0) ++ready;
  }
  return ready;
}

// Returns how many entries are ready, 0 at the deadline. An interrupted wait without one may be begun anew; with
// one it may not, since it would be too long.
Result<std::size_t> poll_entries(PollEntry* entries, std::size_t count, Instant deadline) {
  ScratchArray<RefPtr<File>, kFewFiles> files;
  TRY(files.resize(count));
  for (std::size_t i = 0; i < count; ++i) {
    if (entries[i].descriptor < 0) continue;
    Result<RefPtr<File>> file = descriptor_file(entries[i].descriptor);
    if (file.ok()) files[i] = file.take();
  }
  std::size_t ready = ask(entries, files.data(), count);
  if (ready != 0 || now() >= deadline) return ready;
  PollWait wait;
  TRY(wait.reserve(count));
  for (std::size_t i = 0; i < count; ++i) {
    if (files[i]) wait.add(files[i]);
  }
  // Asked again after every announcement, and first of all for what changed before the waiters stood there.
  while ((ready = ask(entries, files.data(), count)) == 0) {
    const WakeReason reason = wait.sleep(deadline);
    if (reason == WakeReason::kWoken) continue;
    ready = ask(entries, files.data(), count);
    if (ready == 0 && reason == WakeReason::kInterrupted) {
      return deadline.is_never() ? Errno::kRestartNoHandler : Errno::kEINTR;
    }
    break;
  }
  return ready;
}

SyscallResult poll_call(VirtAddr address, std::uint32_t count, Instant deadline) {
  if (count > descriptor_limit()) return Errno::kEINVAL;
  ScratchArray<PollEntry, kFewFiles> entries;
  TRY(entries.resize(count));
  TRY(copy_from_application(entries.data(), address, count * sizeof(PollEntry)));
  const std::size_t ready = TRY(poll_entries(entries.data(), count, deadline));
  TRY(copy_to_application(address, entries.data(), count * sizeof(PollEntry)));
  return static_cast<std::int64_t>(ready);
}

// What is left of a time-out, as ppoll, pselect6 and select write it back. A fault there is no error.
void write_time_left(VirtAddr to, Instant deadline, bool as_timeval) {
  if (to.is_null() || deadline.is_never()) return;
  const Instant moment = now();
  const Duration left = deadline > moment ? deadline - moment : Duration();
  [[maybe_unused]] const auto written = as_timeval ? write_application(to, to_timeval(left))
                                                   : write_application(to, to_timespec(left));
}

// select's three sets are bitmaps of 64-bit words.
struct DescriptorSets {
  static constexpr std::size_t kWordBits = 64;
  static constexpr std::size_t kSmallWords = 3 * 16;  // 1024 descriptors
  VirtAddr addresses[3];
  std::size_t words = 0;  // of each set
  ScratchArray<std::uint64_t, kSmallWords> bits;

  Result<void> read(std::size_t descriptors, VirtAddr in, VirtAddr out, VirtAddr exceptional) {
    addresses[0] = in;
    addresses[1] = out;
    addresses[2] = exceptional;
    words = (descriptors + kWordBits - 1) / kWordBits;
    TRY(bits.resize(3 * words));
    for (std::size_t set = 0; set < 3; ++set) {
      if (addresses[set].is_null()) continue;
      TRY(copy_from_application(&bits[set * words], addresses[set], words * sizeof(std::uint64_t)));
    }
    return {};
  }
  Result<void> write() {
    for (std::size_t set = 0; set < 3; ++set) {
      if (addresses[set].is_null()) continue;
      TRY(copy_to_application(addresses[set], &bits[set * words], words * sizeof(std::uint64_t)));
    }
    return {};
  }
  std::uint64_t& word(std::size_t set, std::size_t descriptor) { return bits[set * words + descriptor / kWordBits]; }
  static std::uint64_t mask(std::size_t descriptor) { return std::uint64_t{1} << (descriptor % kWordBits); }
  bool has(std::size_t set, std::size_t descriptor) { return (word(set, descriptor) & mask(descriptor)) != 0; }
};

// What each set asks for, and what counts as an answer (select(2), "Correspondence between select() and
// poll() notifications").
constexpr PollEvents kAskedBySet[3] = {kPollReadable | kPollReadBand, kPollWritable | kPollWriteBand, kPollPriority};
constexpr PollEvents kAnswersSet[3] = {kPollReadable | kPollReadBand | kPollHangUp | kPollError,
                                       kPollWritable | kPollWriteBand | kPollError, kPollPriority};

SyscallResult select_call(int count, VirtAddr in, VirtAddr out, VirtAddr exceptional, Instant deadline) {
  if (count < 0) return Errno::kEINVAL;
  // Numbers that cannot be open are not looked at, as on Linux.
  const std::size_t descriptors = std::min<std::size_t>(static_cast<std::size_t>(count), descriptor_table_size());
  DescriptorSets sets;
  TRY(sets.read(descriptors, in, out, exceptional));
  std::size_t used = 0;
  for (std::size_t i = 0; i < descriptors; ++i) {
    if (sets.has(0, i) || sets.has(1, i) || sets.has(2, i)) ++used;
  }
  ScratchArray<PollEntry, kFewFiles> entries;
  TRY(entries.resize(used));
  used = 0;
  for (std::size_t i = 0; i < descriptors; ++i) {
    PollEvents asked = 0;
    for (std::size_t set = 0; set < 3; ++set) {
      if (sets.has(set, i)) asked |= kAskedBySet[set];
    }
    if (asked == 0) continue;
    TRY(descriptor_file(static_cast<std::int32_t>(i)));
    entries[used++] = {static_cast<std::int32_t>(i), static_cast<std::uint16_t>(asked), 0};
  }
  TRY(poll_entries(entries.data(), used, deadline));
  std::int64_t bits = 0;
  for (std::size_t i = 0; i < used; ++i) {
    const auto descriptor = static_cast<std::size_t>(entries[i].descriptor);
    for (std::size_t set = 0; set < 3; ++set) {
      if (!sets.has(set, descriptor)) continue;
      if ((entries[i].found & kAnswersSet[set]) != 0) {
        ++bits;
      } else {
        sets.word(set, descriptor) &= ~DescriptorSets::mask(descriptor);
      }
    }
  }
  TRY(sets.write());
  return bits;
}

}  // namespace

SyscallResult sys_poll(VirtAddr entries, unsigned count, int milliseconds) {
  return poll_call(entries, count, deadline_after_milliseconds(milliseconds));
}

SyscallResult sys_ppoll(VirtAddr entries, unsigned count, VirtAddr timeout, VirtAddr mask, std::size_t set_size) {
  Instant deadline = Instant::never();
  if (!timeout.is_null()) deadline = now() + TRY(read_timespec(timeout));
  TemporaryMask temporary;
  TRY(temporary.apply(mask, set_size));
  SyscallResult result = temporary.finish(poll_call(entries, count, deadline));
  write_time_left(timeout, deadline, false);
  return result;
}

SyscallResult sys_select(int count, VirtAddr in, VirtAddr out, VirtAddr exceptional, VirtAddr timeout) {
  Instant deadline = Instant::never();
  if (!timeout.is_null()) {
    const auto time = TRY(read_application<ApplicationTimeval>(timeout));
    // Microseconds of more than a second are carried over here, unlike elsewhere.
    if (time.seconds < 0 || time.microseconds < 0) return Errno::kEINVAL;
    deadline = now() + TRY(to_duration(ApplicationTimeval{time.seconds + time.microseconds / 1'000'000,
                                                          time.microseconds % 1'000'000}));
  }
  SyscallResult result = select_call(count, in, out, exceptional, deadline);
  write_time_left(timeout, deadline, true);
  return result;
}

SyscallResult sys_pselect6(int count, VirtAddr in, VirtAddr out, VirtAddr exceptional, VirtAddr timeout,
                           VirtAddr mask_and_size) {
  struct MaskArgument {
    std::uint64_t mask, size;
  } argument{};
  if (!mask_and_size.is_null()) argument = TRY(read_application<MaskArgument>(mask_and_size));
  Instant deadline = Instant::never();
  if (!timeout.is_null()) deadline = now() + TRY(read_timespec(timeout));
  TemporaryMask temporary;
  TRY(temporary.apply(VirtAddr(argument.mask), argument.size));
  SyscallResult result = temporary.finish(select_call(count, in, out, exceptional, deadline));
  write_time_left(timeout, deadline, false);
  return result;
}

}  // namespace mokapot
