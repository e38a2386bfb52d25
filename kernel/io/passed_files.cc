// SPDX-License-Identifier: Apache-2.0
#include "io/passed_files.h"

namespace mokapot {

Result<void> PassedFiles::add(RefPtr<File> file) {
  if (count_ == kMost) return Errno::kEINVAL;
  if (count_ >= kFew && !more_) {
    more_.reset(new (std::nothrow) RefPtr<File>[kMost - kFew]);
    if (!more_) return Errno::kENOMEM;
  }
  file->descriptor_added();
  (count_ < kFew ? few_[count_] : more_[count_ - kFew]) = std::move(file);
  ++count_;
  return {};
}

PassedFiles::~PassedFiles() {
  for (std::size_t i = 0; i < count_; ++i) {
    File& file = *(*this)[i];
    if (file.descriptor_removed()) file.on_closed();
  }
}

}  // namespace mokapot
