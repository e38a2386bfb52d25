// SPDX-License-Identifier: Apache-2.0
//
// A 9P2000.L server for tests, over a folder of the build host's. Written from the protocol's description alone, with a
// message's bytes in its own hands, so that a misreading in the client shows. Answers at once, in the submitter's call.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "device/message_channel.h"

namespace mokapot::fake {

class NinepServer final : public MessageChannel {
 public:
  NinepServer(const char* tag, std::string folder) : tag_(tag), folder_(std::move(folder)) {}
  ~NinepServer();

  const char* tag() const override { return tag_; }
  std::size_t most_in_flight() const override { return 32; }
  Result<void> submit(MessageRequest& request) override;

  // Changes an answer before it is sent.
  std::function<void(std::vector<std::uint8_t>& answer)> spoil = [](std::vector<std::uint8_t>&) {};
  std::uint32_t message_size = 20'000;
  bool dead = false;
  std::size_t fids() const { return fids_.size(); }
  std::size_t requests = 0;

 private:
  struct Fid {
    std::string path;
    int descriptor = -1;
    std::string attribute = {};  // being read or written
    std::string value = {};
    bool reads_attribute = false, writes_attribute = false;
    std::uint64_t expected = 0;
    int flags = 0;
  };
  class Message;
  void answer(Message& in, std::uint8_t type, std::vector<std::uint8_t>& out);
  void forget(std::uint32_t fid);

  const char* const tag_;
  const std::string folder_;
  std::map<std::uint32_t, Fid> fids_;
};

}  // namespace mokapot::fake
