// SPDX-License-Identifier: Apache-2.0
//
// Advisory locks: byte ranges owned by the process (fcntl F_SETLK) or by an open file (F_OFD_SETLK), and
// flock's whole-file locks, which live in a space of their own. With one process, record locks conflict only
// where an open file owns one of the two.
//
// One table for all files, guarded by a spinlock (rank kReadiness). Thread context.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "io/file.h"

namespace mokapot {

void initialise_record_locks();  // boot, before the first descriptor

enum class LockSpace : std::uint8_t { kRecord, kWholeFile };
enum class LockType : std::uint8_t { kShared, kExclusive, kUnlock };
enum class LockWait : std::uint8_t { kNo, kYes };

struct LockRequest {
  LockSpace space = LockSpace::kRecord;
  LockType type = LockType::kUnlock;
  const File* owner = nullptr;  // nullptr: the process
  std::uint64_t first = 0;      // bytes first..last inclusive
  std::uint64_t last = INT64_MAX;
};

// kEAGAIN on a conflict; with kYes waits for it to go, kRestart if a signal comes. kENOMEM.
Result<void> set_lock(File& file, const LockRequest& request, LockWait wait);
// The first lock that stands in the request's way (F_GETLK).
std::optional<LockRequest> find_lock_conflict(File& file, const LockRequest& request);

// A descriptor of the file is closed: the process's record locks on it go.
void release_process_locks(File& file);
// The open file dies: what it owns goes.
void release_file_locks(File& file);

}  // namespace mokapot
