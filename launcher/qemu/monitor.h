// SPDX-License-Identifier: Apache-2.0
//
// QEMU's machine protocol (QMP), as far as a launcher needs it: to be told why the machine stops,
// to pause it, and to give commands whose answers matter. One JSON object a line each way; answers
// come in the order of the commands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moka {

class Monitor {
 public:
  // `fd` is non-blocking and borrowed. Sends the greeting's answer at once; QEMU reads it when
  // ready.
  explicit Monitor(int fd);

  // Reads what has come. False once QEMU has closed its end.
  bool read_events();
  // Sends what QEMU did not take at once.
  void flush();
  bool wants_to_write() const { return !unsent_.empty(); }

  void pause() { execute("stop"); }
  void resume() { execute("cont"); }
  // Asks the guest's kernel, by NMI, to say what it is doing.
  void inject_nmi() { execute("inject-nmi"); }

  // A command of QEMU's human monitor, which has some that QMP has not. The reply comes later, with
  // the number that this returns.
  std::uint64_t ask_human_monitor(std::string_view command);

  struct Reply {
    std::uint64_t number;
    std::string text;  // "" where the command had nothing to say, which mostly means success
  };
  // The replies that have come since the last call, in order.
  std::vector<Reply> take_replies();

  // Why the machine has stopped: "guest-reset", "guest-shutdown", "guest-panic", "host-...", or
  // kInternalError where the hypervisor could not go on with it; else "".
  static constexpr const char* kInternalError = "internal-error";
  const std::string& stop_reason() const { return stop_reason_; }
  // Between QEMU's events STOP and RESUME.
  bool is_paused() const { return is_paused_; }

  // One line of protocol; anything unexpected is passed over.
  void take_line(std::string_view line);

 private:
  void execute(std::string_view command);
  void send(std::string_view line);

  int fd_;
  std::string unsent_;
  std::string unread_;
  std::string stop_reason_;
  bool is_paused_ = false;
  std::uint64_t last_number_ = 0;
  std::vector<Reply> replies_;
};

}  // namespace moka
