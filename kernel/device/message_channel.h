// SPDX-License-Identifier: Apache-2.0
//
// A channel to a service on the host that answers messages, several at once and in any order; a 9P
// server, which knows its clients by a tag. What is in the messages is the layers' above.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "device/block_device.h"

namespace mokapot {

// One message and room for its answer. The submitter owns it until done is called, from where it may
// submit others.
struct MessageRequest {
  PhysSegment message;
  PhysSegment answer;
  // Any context but NMI. size: bytes of the answer, at most answer.size; kEIO: the channel is dead.
  void (*done)(MessageRequest& request, Result<std::size_t> size) = nullptr;
  void* context = nullptr;
};

class MessageChannel {
 public:
  virtual const char* tag() const = 0;
  virtual std::size_t most_in_flight() const = 0;
  // Any context but NMI. kENOBUFS: that many are in flight; kEIO. done is not called then.
  virtual Result<void> submit(MessageRequest& request) = 0;

 protected:
  ~MessageChannel() = default;
};

// Registry, without locks: drivers add at probe time (boot). kENOSPC past kMaxMessageChannels.
inline constexpr std::size_t kMaxMessageChannels = 16;
Result<void> register_message_channel(MessageChannel* channel);
MessageChannel* find_message_channel(std::string_view tag);  // nullptr: none

}  // namespace mokapot
