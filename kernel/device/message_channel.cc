// SPDX-License-Identifier: Apache-2.0
#include "device/message_channel.h"

namespace mokapot {
namespace {

MessageChannel* channels[kMaxMessageChannels];
std::size_t channel_count = 0;

}  // namespace

Result<void> register_message_channel(MessageChannel* channel) {
  if (channel_count == kMaxMessageChannels) return Errno::kENOSPC;
  channels[channel_count++] = channel;
  return {};
}

MessageChannel* find_message_channel(std::string_view tag) {
  for (std::size_t i = 0; i < channel_count; ++i) {
    if (tag == channels[i]->tag()) return channels[i];
  }
  return nullptr;
}

}  // namespace mokapot
