// SPDX-License-Identifier: Apache-2.0
//
// Control messages of AF_UNIX sockets, unix(7): descriptors and credentials. Thread context.
#pragma once

#include "io/passed_files.h"
#include "io/socket.h"

namespace mokapot {

inline constexpr std::uint32_t kMessageCloseOnExec = 0x4000'0000;  // MSG_CMSG_CLOEXEC

// What control messages of a message that is sent say; lives as long as the call.
class SentControl {
 public:
  // Fills in message.files and credentials from message.control. kEINVAL, kEBADF, kESRCH, kENOMEM.
  Result<void> read(OutgoingMessage& message);

 private:
  static Result<void> visit(const ControlMessage& control, void* self);
  Result<void> add_files(std::span<const std::uint8_t> numbers);
  Result<void> set_credentials(std::span<const std::uint8_t> data);

  RefPtr<PassedFiles> files_;
  Credentials credentials_;
  bool has_credentials_ = false;
};

// Gives the application what came with a message: credentials, and descriptors as far as there is room for them.
void write_received_control(IncomingMessage& message);

}  // namespace mokapot
