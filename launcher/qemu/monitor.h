// SPDX-License-Identifier: Apache-2.0
//
// QEMU's machine protocol (QMP), as far as a launcher needs it: to be told why the machine stops,
// and to pause it. One JSON object a line each way.
#pragma once

#include <string>
#include <string_view>

namespace moka {

class Monitor {
 public:
  // `fd` is non-blocking and borrowed. Sends the greeting's answer at once; QEMU reads it when
  // ready.
  explicit Monitor(int fd);

  // Reads what has come. False once QEMU has closed its end.
  bool read_events();

  void pause() { send("stop"); }
  void resume() { send("cont"); }
  // Asks the guest's kernel, by NMI, to say what it is doing.
  void inject_nmi() { send("inject-nmi"); }

  // "guest-reset", "guest-shutdown", "guest-panic", "host-..." once the machine has stopped; else
  // "".
  const std::string& stop_reason() const { return stop_reason_; }

  // One line of protocol; anything unexpected is passed over.
  void take_line(std::string_view line);

 private:
  void send(std::string_view command);

  int fd_;
  std::string unread_;
  std::string stop_reason_;
};

}  // namespace moka
