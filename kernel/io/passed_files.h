// SPDX-License-Identifier: Apache-2.0
//
// Open files that travel in a message (SCM_RIGHTS). While they do they count as descriptors, so that a file
// whose last number is closed meanwhile is not shut down. Not changed once it is sent: readers that only peek share it.
#pragma once

#include <memory>

#include "io/file.h"

namespace mokapot {

class PassedFiles : public RefCounted<PassedFiles> {
 public:
  static constexpr std::size_t kMost = 253;  // SCM_MAX_FD

  PassedFiles() = default;
  ~PassedFiles();
  // kEINVAL beyond kMost.
  Result<void> add(RefPtr<File> file);

  std::size_t count() const { return count_; }
  const RefPtr<File>& operator[](std::size_t index) const { return index < kFew ? few_[index] : more_[index - kFew]; }

 private:
  static constexpr std::size_t kFew = 4;
  RefPtr<File> few_[kFew];
  std::unique_ptr<RefPtr<File>[]> more_;
  std::size_t count_ = 0;
};

}  // namespace mokapot
