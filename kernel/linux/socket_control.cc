// SPDX-License-Identifier: Apache-2.0
#include "linux/socket_control.h"

#include <algorithm>
#include <cstring>

#include "process/descriptor_table.h"
#include "process/task.h"

namespace mokapot {
namespace {

constexpr int kRights = 1, kCredentials = 2;  // SCM_
constexpr std::size_t kControlHeader = 16;    // struct cmsghdr

}  // namespace

Result<void> SentControl::read(OutgoingMessage& message) {
  TRY(for_each_control_message(message.control, &visit, this));
  message.files = files_.get();
  if (has_credentials_) message.credentials = &credentials_;
  return {};
}

Result<void> SentControl::visit(const ControlMessage& control, void* self) {
  auto& sent = *static_cast<SentControl*>(self);
  if (control.level != kLevelSocket) return {};  // of no concern here, says Linux
  switch (control.type) {
    case kRights: return sent.add_files(control.data);
    case kCredentials: return sent.set_credentials(control.data);
    default: return Errno::kEINVAL;
  }
}

Result<void> SentControl::add_files(std::span<const std::uint8_t> numbers) {
  const std::size_t count = numbers.size() / sizeof(std::int32_t);
  if (count == 0) return {};
  const std::size_t already = files_ ? files_->count() : 0;
  if (count > PassedFiles::kMost || already + count > PassedFiles::kMost) return Errno::kEINVAL;
  if (!files_) files_ = TRY(make_ref<PassedFiles>());
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t number = 0;
    std::memcpy(&number, numbers.data() + i * sizeof(number), sizeof(number));
    TRY(files_->add(TRY(descriptor_file_or_path(number))));
  }
  return {};
}

// Any user may be claimed, since there is one that may do everything; but not a process that is not there.
Result<void> SentControl::set_credentials(std::span<const std::uint8_t> data) {
  if (data.size() != sizeof(credentials_)) return Errno::kEINVAL;
  std::memcpy(&credentials_, data.data(), sizeof(credentials_));
  if (credentials_.process != kProcessId && !find_task(credentials_.process)) return Errno::kESRCH;
  constexpr std::uint32_t kNoUser = ~0u;
  if (credentials_.user == kNoUser || credentials_.group == kNoUser) return Errno::kEINVAL;
  has_credentials_ = true;
  return {};
}

void write_received_control(IncomingMessage& message) {
  const bool cut = message.control.size() < kControlHeader;
  if (cut) {
    if (message.has_credentials || message.files) message.result_flags |= kMessageControlTruncated;
    return;
  }
  if (message.has_credentials) {
    message.add_control(kLevelSocket, kCredentials, &message.credentials, sizeof(message.credentials));
  }
  if (!message.files) return;
  const std::size_t left = message.control.size() - message.control_size;
  const std::size_t room = left > kControlHeader ? (left - kControlHeader) / sizeof(std::int32_t) : 0;
  const auto on_exec = (message.flags & kMessageCloseOnExec) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
  std::int32_t numbers[PassedFiles::kMost];
  std::size_t done = 0;
  while (done < std::min(room, message.files->count())) {
    Result<std::int32_t> number = install_descriptor((*message.files)[done], on_exec);
    if (!number.ok()) break;
    numbers[done++] = number.value();
  }
  if (done < message.files->count()) message.result_flags |= kMessageControlTruncated;
  if (done != 0) message.add_control(kLevelSocket, kRights, numbers, done * sizeof(numbers[0]));
}

}  // namespace mokapot
