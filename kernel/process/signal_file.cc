// SPDX-License-Identifier: Apache-2.0
#include "process/signal_file.h"

#include "base/format.h"
#include "base/global.h"
#include "io/anonymous.h"
#include "process/signal_record.h"
#include "process/signals.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

struct SignalFiles {
  SpinLock lock{LockRank::kSignals};
  IntrusiveList<SignalFile, &SignalFile::list_hook> list GUARDED_BY(lock);
};
Global<SignalFiles> files;
// Length of the list, written under its lock: programs without such files pay one look a signal.
constinit std::atomic<std::uint32_t> file_count{0};

// These are never read: nobody can hold them back from being delivered.
constexpr SignalSet kNeverRead = signal_bit(kSigKill) | signal_bit(kSigStop);

}  // namespace

void initialise_signal_files() { files.construct(); }

SignalFile::SignalFile(SignalSet mask, std::uint32_t flags) : File(flags), mask_(mask & ~kNeverRead) {
  IrqSpinGuard guard(files->lock);
  files->list.push_back(*this);
  file_count.fetch_add(1, std::memory_order_seq_cst);
}

SignalFile::~SignalFile() {
  IrqSpinGuard guard(files->lock);
  files->list.erase(files->list.iterator_to(*this));
  file_count.fetch_sub(1, std::memory_order_relaxed);
}

void SignalFile::set_mask(SignalSet mask) {
  mask_.store(mask & ~kNeverRead, std::memory_order_release);
  notify(kPollIn);
}

Result<std::size_t> SignalFile::read(IoBuffer& into) {
  if (into.remaining() < sizeof(SignalRecord)) return Errno::kEINVAL;
  SignalInfo info;
  if (!take_pending_signal(mask(), info)) {
    if (non_blocking()) return Errno::kEAGAIN;
    if (wait_until(readiness(), Instant::never(), Interruptible::kYes,
                   [&] { return take_pending_signal(mask(), info); }) != WakeReason::kWoken) {
      return Errno::kRestart;
    }
  }
  std::size_t total = 0;
  do {
    const SignalRecord record = signal_record(info);
    Result<std::size_t> copied = into.copy_in(&record, sizeof(record));
    if (!copied.ok() || copied.value() != sizeof(record)) {
      return total != 0 ? Result<std::size_t>(std::size_t{total}) : Result<std::size_t>(Errno::kEFAULT);
    }
    total += sizeof(record);
  } while (into.remaining() >= sizeof(SignalRecord) && take_pending_signal(mask(), info));
  return total;
}

Result<FileStatus> SignalFile::status() { return anonymous_status(); }

PollEvents SignalFile::poll() {
  const SignalSet pending = current_is_task() ? pending_signals(current_task()) : pending_process_signals();
  return (pending & mask()) != 0 ? kPollIn : 0;
}

std::size_t SignalFile::describe(char* buffer, std::size_t size) {
  return format_to(buffer, size, "anon_inode:[signalfd]");
}

void tell_signal_files(int signal) {
  // Orders the queueing before the look: a file made at the same moment is seen, or sees the signal when asked.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (file_count.load(std::memory_order_relaxed) == 0) return;
  IrqSpinGuard guard(files->lock);
  for (SignalFile& file : files->list) {
    if ((file.mask() & signal_bit(signal)) != 0) file.notify(kPollIn);
  }
}

}  // namespace mokapot
