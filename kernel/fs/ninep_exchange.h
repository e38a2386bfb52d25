// SPDX-License-Identifier: Apache-2.0
//
// One request of a 9P client and its answer, for as long as somebody looks at either. Internal to the client.
#pragma once

#include "fs/ninep_client.h"
#include "memory/frames.h"

namespace mokapot {

// Kept in each slot for the answer, whatever the request: a page, or a path, and their headers.
inline constexpr std::size_t kAnswerRoom = 4096 + 512;

class NinepClient::Exchange {
 public:
  // Blocks until there is a slot.
  Exchange(NinepClient& client, ninep::Type type, Purpose purpose = Purpose::kCall)
      : Exchange(client, type, client.acquire(purpose)) {}
  // With a tag other than the slot's.
  Exchange(NinepClient& client, ninep::Type type, Purpose purpose, std::uint16_t tag)
      : Exchange(client, type, client.acquire(purpose), tag) {}
  ~Exchange() { client_.release(slot_); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Blocks until the answer is there; what it points to is good until this object goes, but the server may go on
  // changing it.
  Result<ninep::MessageReader> send();
  // The same where the answer's contents do not matter.
  Result<void> send_only() {
    TRY(send());
    return {};
  }

 private:
  Exchange(NinepClient& client, ninep::Type type, Slot& slot) : Exchange(client, type, slot, slot.tag) {}
  Exchange(NinepClient& client, ninep::Type type, Slot& slot, std::uint16_t tag)
      : client_(client), slot_(slot), type_(type), tag_(tag),
        message({static_cast<std::byte*>(direct_map(slot.memory)), slot.size - kAnswerRoom}, type, tag) {}

  NinepClient& client_;
  Slot& slot_;
  const ninep::Type type_;
  const std::uint16_t tag_;

 public:
  ninep::MessageWriter message;
};

}  // namespace mokapot
