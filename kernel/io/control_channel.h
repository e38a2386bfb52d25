// SPDX-License-Identifier: Apache-2.0
//
// The private line to the launcher on the port mokapot.control: commands from the host are carried out by a
// kernel thread, and the kernel's own lines go out from here (contract/vm_contract.h). Without the port
// everything here is silent.
//
// Locks: one mutex (rank kDevice) keeps outgoing lines whole. Thread context.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

// What the channel cannot do itself; called on its thread, where it may block.
struct ControlHandlers {
  void (*signal)(int signal) = nullptr;
  void (*window_changed)() = nullptr;  // after set_window_size: SIGWINCH is due
  void (*wall_clock_changed)() = nullptr;
};

// Boot, after initialise_console: starts the thread. kENOMEM.
Result<void> initialise_control_channel(const ControlHandlers& handlers);
bool control_channel_present();

// A line of verb and words of a layer above (vm_contract.h has them all); without the line's end. Blocks while the
// host does not read.
void send_control_line(std::string_view line);

// Tells how the program ended, after its output has been taken by the host; then waits for the host to
// acknowledge, at most until the deadline. False if it did not.
struct ExitLine {
  int status = 0;         // what a shell would show
  int signal = 0;
  const char* by = "application";
  std::string_view reason;
};
bool send_exit(const ExitLine& line, Instant deadline);

}  // namespace mokapot
