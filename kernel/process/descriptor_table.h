// SPDX-License-Identifier: Apache-2.0
//
// The process's descriptors: small numbers that refer to open files. One table, since there is one process.
//
// Look-up is on the path of every read and write and takes no lock: slots live in chunks that are never
// freed, and a per-CPU hazard pointer keeps a file alive from the moment its slot is read until its
// reference is taken. Changes take a spinlock (rank kReadiness: nothing is called under it). Files are
// dropped after the lock, as their destructors may block. Thread context.
#pragma once

#include <cstdint>

#include "base/ref_counted.h"
#include "base/result.h"
#include "io/file.h"

namespace mokapot {

enum class CloseOnExec : std::uint8_t { kNo, kYes };

// Numbers stay below this whatever the limit says (Linux's fs.nr_open).
inline constexpr std::uint32_t kMaxDescriptors = 1 << 20;

// The open file behind a number. kEBADF: not open, or opened with O_PATH, which most calls refuse.
Result<RefPtr<File>> descriptor_file(std::int32_t descriptor);
// As above, O_PATH files too: for dup, fstat, fchdir, F_GETFD and directories of the *at calls.
Result<RefPtr<File>> descriptor_file_or_path(std::int32_t descriptor);

// The lowest free number from `lowest` on. kEMFILE at the limit.
Result<std::int32_t> install_descriptor(RefPtr<File> file, CloseOnExec close_on_exec,
                                        std::int32_t lowest = 0);

// A number taken before its file is made, so that a full table fails before the file is created. The number
// is given back unless install() was called.
class DescriptorReservation {
 public:
  static Result<DescriptorReservation> create();
  DescriptorReservation(DescriptorReservation&& other)
      : number_(std::exchange(other.number_, -1)) {}
  DescriptorReservation& operator=(DescriptorReservation&&) = delete;
  ~DescriptorReservation();

  std::int32_t number() const { return number_; }
  std::int32_t install(RefPtr<File> file, CloseOnExec close_on_exec);

 private:
  explicit DescriptorReservation(std::int32_t number) : number_(number) {}
  std::int32_t number_;
};

Result<void> close_descriptor(std::int32_t descriptor);
// fcntl F_DUPFD: kEINVAL if lowest is not below the limit.
Result<std::int32_t> duplicate_descriptor(std::int32_t descriptor, std::int32_t lowest,
                                          CloseOnExec close_on_exec);
// dup2 and dup3 for from != to; whatever `to` was is closed. kEBADF, kEBUSY (a racing open reserves `to`).
Result<std::int32_t> replace_descriptor(std::int32_t from, std::int32_t to, CloseOnExec close_on_exec);

Result<CloseOnExec> descriptor_close_on_exec(std::int32_t descriptor);
Result<void> set_descriptor_close_on_exec(std::int32_t descriptor, CloseOnExec close_on_exec);

// Inclusive ranges, as close_range has them; numbers that are not open are passed over.
void close_descriptor_range(std::uint32_t first, std::uint32_t last);
void set_close_on_exec_range(std::uint32_t first, std::uint32_t last);

// The lowest open number from `from` on, -1 if there is none: iteration for /proc/self/fd.
std::int32_t next_descriptor(std::int32_t from);

// How many numbers Linux's table would have room for by now: it doubles as numbers are used, and select(2) does
// not look at numbers beyond it.
std::uint32_t descriptor_table_size();

// RLIMIT_NOFILE's soft limit, which prlimit sets.
std::uint64_t descriptor_limit();
void set_descriptor_limit(std::uint64_t limit);

}  // namespace mokapot
