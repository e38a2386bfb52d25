// SPDX-License-Identifier: Apache-2.0
//
// The side of `moka run` that serves tools: what connects to the VM's socket asks one question,
// which is carried to the guest's kernel as a stream of the tools port, and so is the answer back.
// Questions to `moka run` itself (kMokaKill) are answered here.
//
// Runs on the session's one thread; nothing blocks. The owner polls fd() and calls pump(). What is
// held for a client is bounded by the windows that it gives; one that gives more than it reads is
// dropped. The port itself is always read, so no client stalls another.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "support/result.h"
#include "support/unique_fd.h"
#include "tools/tool_frame.h"

namespace moka {

// The questions that go to `moka run`: the word kMoka, then one of these.
inline constexpr const char* kMoka = "moka";
inline constexpr const char* kMokaKill = "kill";  // ends the VM at once

// A listening socket at `folder`/socket, for this user only.
Result<UniqueFd> listen_for_tools(const std::string& folder);

class ToolServer {
 public:
  // `port`: the launcher's end of the tools port, not blocking. `kill` ends the VM.
  ToolServer(UniqueFd port, UniqueFd listener, std::function<void()> kill);

  // Readable when pump() has something to do.
  int fd() const { return events_.get(); }
  void pump();
  // The VM is gone: whoever waits is told so.
  void end();

  std::size_t clients() const { return clients_.size(); }

 private:
  struct Client {
    UniqueFd socket;
    FrameReader reader;
    std::string unsent;
    bool has_asked = false;
    bool is_finished = false;  // the end frame is in `unsent`; the connection goes when that is out
    std::uint32_t watched = 0;
  };

  void accept_clients();
  void read_port();
  void flush_port();
  // False once the client is to be dropped.
  bool serve(std::uint32_t stream, Client& client, std::uint32_t events);
  bool handle(std::uint32_t stream, Client& client, const ToolFrame& frame);
  void finish(Client& client, std::uint32_t stream, unsigned char code, std::string_view text);
  void send_to_guest(const std::string& frame);
  void drop(std::uint32_t stream);
  void watch(int fd, std::uint64_t tag, std::uint32_t wanted, std::uint32_t& watched);
  void refresh(std::uint32_t stream, Client& client);
  void refresh_port();

  UniqueFd events_, port_, listener_;
  std::function<void()> kill_;
  FrameReader port_reader_;
  std::string unsent_;  // to the port
  std::uint32_t port_watched_ = 0, listener_watched_ = 0;
  std::uint32_t last_stream_ = 0;
  std::map<std::uint32_t, Client> clients_;  // by their stream
};

}  // namespace moka
