// SPDX-License-Identifier: Apache-2.0
#include "io/poll_wait.h"

namespace mokapot {

Result<void> PollWait::reserve(std::size_t files) {
  if (files <= kInlineEntries) return {};
  many_.reset(new (std::nothrow) Entry[files]);
  if (!many_) return Errno::kENOMEM;
  return {};
}

void PollWait::add(RefPtr<File> file) {
  Entry& entry = many_ ? many_[count_] : inline_[count_];
  ++count_;
  entry.owner = this;
  entry.file = std::move(file);
  entry.file->readiness().add(entry.waiter);
}

PollWait::~PollWait() {
  for (std::size_t i = 0; i < count_; ++i) {
    Entry& entry = many_ ? many_[i] : inline_[i];
    entry.file->readiness().remove(entry.waiter);
  }
}

void PollWait::on_event(Waiter& waiter) {
  PollWait& owner = *static_cast<Entry*>(waiter.context())->owner;
  // Release: the sleeper's exchange sees what the file changed before it announced.
  owner.announced_.store(true, std::memory_order_release);
  owner.thread_.wake();
}

WakeReason PollWait::sleep(Instant deadline) {
  while (true) {
    prepare_to_block();
    if (announced_.exchange(false, std::memory_order_acq_rel)) {
      cancel_block();
      return WakeReason::kWoken;
    }
    const WakeReason reason = block(deadline, Interruptible::kYes);
    if (reason != WakeReason::kWoken) return reason;
  }
}

}  // namespace mokapot
