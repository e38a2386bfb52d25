// SPDX-License-Identifier: Apache-2.0
#include "io/event_file.h"

#include "base/format.h"
#include "io/anonymous.h"

namespace mokapot {

std::uint64_t EventFile::count() {
  SpinGuard guard(lock_);
  return count_;
}

bool EventFile::try_take(std::uint64_t& value) {
  SpinGuard guard(lock_);
  if (count_ == 0) return false;
  value = mode_ == Mode::kSemaphore ? 1 : count_;
  count_ -= value;
  return true;
}

bool EventFile::try_add(std::uint64_t value) {
  SpinGuard guard(lock_);
  if (kMost - count_ < value) return false;
  count_ += value;
  return true;
}

Result<std::size_t> EventFile::read(IoBuffer& into) {
  std::uint64_t value = 0;
  if (into.remaining() < sizeof(value)) return Errno::kEINVAL;
  if (!try_take(value)) {
    if (non_blocking()) return Errno::kEAGAIN;
    if (wait_until(readiness(), Instant::never(), Interruptible::kYes,
                   [&] { return try_take(value); }) != WakeReason::kWoken) {
      return Errno::kRestart;
    }
  }
  notify(kPollWritable);
  return into.copy_in(&value, sizeof(value));
}

Result<std::size_t> EventFile::write(IoBuffer& from) {
  std::uint64_t value = 0;
  if (from.remaining() < sizeof(value)) return Errno::kEINVAL;
  if (TRY(from.copy_out(&value, sizeof(value))) != sizeof(value)) return Errno::kEFAULT;
  if (value == ~std::uint64_t{0}) return Errno::kEINVAL;
  if (!try_add(value)) {
    if (non_blocking()) return Errno::kEAGAIN;
    if (wait_until(readiness(), Instant::never(), Interruptible::kYes,
                   [&] { return try_add(value); }) != WakeReason::kWoken) {
      return Errno::kRestart;
    }
  }
  notify(kPollReadable);
  return sizeof(value);
}

Result<FileStatus> EventFile::status() { return anonymous_status(); }

PollEvents EventFile::poll() {
  const std::uint64_t value = count();
  return (value != 0 ? kPollIn : 0) | (value < kMost ? kPollOut : 0);
}

std::size_t EventFile::describe(char* buffer, std::size_t size) {
  return format_to(buffer, size, "anon_inode:[eventfd]");
}

}  // namespace mokapot
