// SPDX-License-Identifier: Apache-2.0
//
// A running VM from QEMU's start to its end: one poll loop that moves the streams, the control
// channel, the kernel's log and signals, and finds out how it ended. Runs on the launcher's only
// thread. Nothing in the loop blocks.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "publish/publisher.h"
#include "qemu/monitor.h"
#include "qemu/qemu_command.h"
#include "qemu/qemu_process.h"
#include "session/control_channel.h"
#include "session/exit_report.h"
#include "session/messages.h"
#include "session/owner.h"
#include "session/serial_log.h"
#include "session/signals.h"
#include "session/streams.h"
#include "session/terminal.h"
#include "session/watchdog.h"
#include "support/result.h"
#include "tools/tool_server.h"

namespace moka {

struct SessionOptions {
  bool is_verbose = false;
  bool is_java = false;
  bool is_watched = true;  // a VM that does not answer is ended
  OutputFormat output = OutputFormat::kText;
  std::optional<PublisherPlan> publishing;  // nothing without a network
  UniqueFd tool_listener;                   // where tools connect; none: no tools
  // Told of: the program's beginning, and each port. May be empty.
  std::function<void()> on_ready;
  std::function<void(const PortNotice&)> on_port;
  // Asked at the end for what is left to say on standard error.
  std::function<std::string()> last_words;
  Owner owner;
};

// The launcher's ends of the sockets whose other ends QEMU inherits.
struct SessionSockets {
  UniqueFd standard_input, standard_output, standard_error, control, serial, monitor, tools;
};

class Session {
 public:
  // Connects a socket pair for each channel: our ends, and in `channels` the numbers of QEMU's
  // ends, which `theirs` owns until QEMU has started.
  static Result<SessionSockets> make_sockets(QemuChannels& channels, std::vector<UniqueFd>& theirs);

  Session(SessionOptions options, SessionSockets sockets, QemuProcess qemu, Terminal& terminal,
          HostSignals& signals);

  // Runs to the end of the VM and of the output. Says on standard error what the user must know.
  ExitReport run();
  // Before run() has returned: ends the VM, for a reason of the launcher's.
  void cancel(int status, std::string reason) { end_by_launcher(status, 0, std::move(reason)); }

 private:
  enum class Phase {
    kRunning,
    kAcknowledged,  // the exit line was read and answered: QEMU is to end
    kEnded,         // QEMU is gone: what is left is output to write
  };

  void poll_once();
  void pump_streams();
  void handle_signals();
  void forward(int signal_number);
  void stop_with_shell();
  void handle_control();
  void handle_line(const ControlChannel::Line& line);
  void handle_listener(const ControlChannel::Line& line);
  void handle_monitor();
  void handle_serial();
  void handle_tick();
  void lose_owner();
  void handle_qemu_end(int status);
  void keep_qemu_output();
  void give_up_on_hung_vm();
  void give_up_on_stopped_vm();
  void end_by_launcher(int status, int signal_number, std::string reason);
  bool has_started() const;
  ExitReport classify_end(int status);
  void explain();

  SessionOptions options_;
  QemuProcess qemu_;
  Terminal& terminal_;
  HostSignals& signals_;
  SessionSockets sockets_;
  InputStream input_;
  OutputStream output_;
  OutputStream error_;
  ControlChannel control_;
  Monitor monitor_;
  SerialLog serial_;
  Watchdog watchdog_;
  Messages messages_;
  std::optional<Publisher> publisher_;
  std::optional<ToolServer> tools_;

  Phase phase_ = Phase::kRunning;
  std::optional<ExitReport> report_;
  bool is_ready_ = false;  // the guest's program runs
  bool is_control_open_ = true;
  bool is_monitor_open_ = true;
  bool is_gone_for_good_ = false;  // a second Ctrl-C: do not even wait for the reader of our output
  int ticks_ = 0;
  int interrupt_tick_ = -1000;  // when the last unanswered Ctrl-C came
  bool is_interrupt_unanswered_ = false;
  int ticks_since_phase_ = 0;
  int ticks_without_owner_ = -1;  // -1: it runs
  int hung_ticks_ = -1;  // since the NMI that asks a hung guest what it does; -1: not hung
  bool was_paused_ = false;  // at the last tick, by somebody outside
  std::string qemu_output_;
};

}  // namespace moka
