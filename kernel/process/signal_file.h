// SPDX-License-Identifier: Apache-2.0
//
// signalfd(2): pending signals that are read instead of delivered. Which ones a read finds depends on who reads: those
// sent to the process, and those sent to the reading thread.
//
// Senders tell every open one whose mask has the signal (tell_signal_files), from any context but NMI. The list of
// them has a spinlock (rank kSignals, interrupts off), under which files are notified: none can go away meanwhile.
#pragma once

#include <atomic>

#include "io/file.h"
#include "process/signal_state.h"

namespace mokapot {

class SignalFile final : public File {
 public:
  SignalFile(SignalSet mask, std::uint32_t flags);
  ~SignalFile() override;

  void set_mask(SignalSet mask);

  // As many whole records as fit and are there; waits for the first. kEINVAL where not even one fits.
  Result<std::size_t> read(IoBuffer& into) override;
  // There are no positions, but Linux lets them be asked for.
  Result<std::uint64_t> seek(std::int64_t, Whence) override { return std::uint64_t{0}; }
  Result<FileStatus> status() override;
  PollEvents poll() override;  // for the calling thread
  bool pollable() override { return true; }
  FileKind kind() const override { return FileKind::kSignal; }
  std::size_t describe(char* buffer, std::size_t size) override;

  ListHook list_hook;  // signal_file.cc's list of all

 private:
  friend void tell_signal_files(int signal);
  SignalSet mask() const { return mask_.load(std::memory_order_acquire); }

  std::atomic<SignalSet> mask_;
};

void initialise_signal_files();  // boot

// A signal has been queued: whoever waits for it in a file looks again. No lock of rank kSignals or later is held.
void tell_signal_files(int signal);

}  // namespace mokapot
