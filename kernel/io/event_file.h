// SPDX-License-Identifier: Apache-2.0
//
// eventfd(2): a 64-bit counter to write to and to wait for. The counter is guarded by a spinlock (rank
// kReadiness).
#pragma once

#include "io/file.h"
#include "sync/spinlock.h"

namespace mokapot {

class EventFile final : public File {
 public:
  enum class Mode : std::uint8_t { kCounter, kSemaphore };
  EventFile(std::uint64_t initial, Mode mode, std::uint32_t flags)
      : File(flags), mode_(mode), count_(initial) {}

  Result<std::size_t> read(IoBuffer& into) override;
  Result<std::size_t> write(IoBuffer& from) override;
  Result<FileStatus> status() override;
  PollEvents poll() override;
  bool pollable() override { return true; }
  FileKind kind() const override { return FileKind::kEvent; }
  std::size_t describe(char* buffer, std::size_t size) override;

 private:
  // The last value that the counter can hold; ~0 itself can only be reached inside the Linux kernel.
  static constexpr std::uint64_t kMost = ~std::uint64_t{0} - 1;
  bool try_take(std::uint64_t& value);
  bool try_add(std::uint64_t value);
  std::uint64_t count();

  const Mode mode_;
  SpinLock lock_{LockRank::kReadiness};
  std::uint64_t count_ GUARDED_BY(lock_);
};

}  // namespace mokapot
