// SPDX-License-Identifier: Apache-2.0
//
// Waiting for any of several files: poll(2) and select(2). The caller adds each file, asks them all, and
// sleeps if none is ready; whatever a file announces in between ends the next sleep at once. Files are asked
// outside the blocking protocol, since poll() may take sleeping locks.
#pragma once

#include <atomic>
#include <memory>

#include "io/file.h"

namespace mokapot {

class PollWait {
 public:
  PollWait() : thread_(current_thread()) {}
  ~PollWait();
  PollWait(const PollWait&) = delete;
  PollWait& operator=(const PollWait&) = delete;

  // Room for that many files in all. kENOMEM.
  Result<void> reserve(std::size_t files);
  void add(RefPtr<File> file);
  // Until a file that was added announces something after the last sleep() began, the deadline or a signal.
  WakeReason sleep(Instant deadline);

 private:
  struct Entry {
    Entry() : waiter(&on_event, this) {}
    PollWait* owner = nullptr;
    RefPtr<File> file;
    Waiter waiter;
  };
  static void on_event(Waiter& waiter);

  static constexpr std::size_t kInlineEntries = 8;  // most calls wait for one or two files
  Thread& thread_;
  std::atomic<bool> announced_{false};  // set by files, cleared by sleep()
  Entry inline_[kInlineEntries];
  std::unique_ptr<Entry[]> many_;
  std::size_t count_ = 0;
};

}  // namespace mokapot
