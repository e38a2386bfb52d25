// SPDX-License-Identifier: Apache-2.0
#include "session/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "contract/vm_contract.h"
#include "support/files.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

// A second Ctrl-C so soon after one that the kernel did not even acknowledge ends the VM by force.
constexpr int kSecondInterruptTicks = 3;
// How long QEMU may take to end once the guest was told that it may.
constexpr int kTicksToPowerOff = 10;
// How long a hung guest gets to answer an NMI with its state.
constexpr int kTicksToSayWhy = 3;
// How long a program has for ending by itself once its owner has ended.
constexpr int kTicksWithoutOwner = 10;
constexpr std::size_t kSerialLinesShown = 40;
constexpr std::size_t kKeptQemuOutput = 16 * 1024;

bool make_pair(UniqueFd& ours, std::vector<UniqueFd>& theirs, int& number) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
  ours = UniqueFd(ends[0]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  theirs.emplace_back(ends[1]);
  number = ends[1];
  return true;
}

// For the poll set: a descriptor of -1 is passed over by poll().
pollfd item(int fd, bool wants, short events) { return {wants ? fd : -1, events, 0}; }

}  // namespace

Result<SessionSockets> Session::make_sockets(QemuChannels& channels,
                                             std::vector<UniqueFd>& theirs) {
  SessionSockets ours;
  const bool made = make_pair(ours.standard_input, theirs, channels.standard_input) &&
                    make_pair(ours.standard_output, theirs, channels.standard_output) &&
                    make_pair(ours.standard_error, theirs, channels.standard_error) &&
                    make_pair(ours.control, theirs, channels.control) &&
                    make_pair(ours.serial, theirs, channels.serial) &&
                    make_pair(ours.monitor, theirs, channels.monitor) &&
                    make_pair(ours.tools, theirs, channels.tools);
  if (!made) return Error{"cannot make the VM's channels: " + error_text(errno)};
  return ours;
}

Session::Session(SessionOptions options, SessionSockets sockets, QemuProcess qemu,
                 Terminal& terminal, HostSignals& signals)
    : options_(std::move(options)),
      qemu_(std::move(qemu)),
      terminal_(terminal),
      signals_(signals),
      sockets_(std::move(sockets)),
      input_(STDIN_FILENO, std::move(sockets_.standard_input)),
      output_(STDOUT_FILENO, std::move(sockets_.standard_output)),
      error_(STDERR_FILENO, std::move(sockets_.standard_error)),
      control_(sockets_.control.get()),
      monitor_(sockets_.monitor.get()),
      messages_(options_.output, options_.is_verbose) {
  watchdog_.set_enabled(options_.is_watched);
  if (options_.publishing) {
    options_.publishing->forwarder = qemu_.pid();
    publisher_.emplace(std::move(*options_.publishing), monitor_, [this](const PortNotice& notice) {
      error_.append(messages_.port(notice));
      if (options_.on_port) options_.on_port(notice);
    });
  }
  if (options_.tool_listener)
    tools_.emplace(std::move(sockets_.tools), std::move(options_.tool_listener), [this] {
      if (phase_ == Phase::kRunning) end_by_launcher(128 + SIGKILL, SIGKILL, "killed by moka kill");
    });
}

ExitReport Session::run() {
  while (phase_ != Phase::kEnded) poll_once();
  // The settings are the host's again before anything more is said.
  terminal_.restore();
  explain();
  if (options_.last_words) error_.append(options_.last_words());
  error_.append(messages_.end(*report_));
  while (!is_gone_for_good_ && (output_.wants_host() || error_.wants_host())) poll_once();
  return *report_;
}

void Session::poll_once() {
  // A background job must leave the terminal's input to the shell; each tick looks again.
  const bool is_input_open =
      phase_ == Phase::kRunning && (!input_.host().is_terminal() || terminal_.is_foreground());
  pollfd items[] = {
      item(signals_.signal_fd(), true, POLLIN),
      item(signals_.tick_fd(), true, POLLIN),
      item(sockets_.control.get(), is_control_open_,
           static_cast<short>(POLLIN | (control_.wants_to_write() ? POLLOUT : 0))),
      item(sockets_.serial.get(), true, POLLIN),
      item(sockets_.monitor.get(), is_monitor_open_,
           static_cast<short>(POLLIN | (monitor_.wants_to_write() ? POLLOUT : 0))),
      item(qemu_.output(), phase_ != Phase::kEnded, POLLIN),
      item(input_.host().fd(), is_input_open && input_.wants_host(), POLLIN),
      item(input_.vm_fd(), input_.wants_vm(), POLLOUT),
      item(output_.vm_fd(), output_.wants_vm(), POLLIN),
      item(error_.vm_fd(), error_.wants_vm(), POLLIN),
      item(output_.host().fd(), output_.wants_host() || output_.watches_reader(),
           static_cast<short>(output_.wants_host() ? POLLOUT : 0)),
      item(error_.host().fd(), error_.wants_host() || error_.watches_reader(),
           static_cast<short>(error_.wants_host() ? POLLOUT : 0)),
      item(publisher_ ? publisher_->relay().fd() : -1, phase_ == Phase::kRunning, POLLIN),
      item(tools_ ? tools_->fd() : -1, phase_ != Phase::kEnded, POLLIN),
      item(options_.owner.fd(), ticks_without_owner_ < 0, POLLIN),
  };
  if (::poll(items, std::size(items), -1) < 0 && errno != EINTR) return;
  if ((items[10].revents & (POLLERR | POLLHUP)) != 0) output_.lose_reader();
  if ((items[11].revents & (POLLERR | POLLHUP)) != 0) error_.lose_reader();

  handle_serial();
  keep_qemu_output();
  if (is_monitor_open_) handle_monitor();
  if ((items[12].revents & POLLIN) != 0) publisher_->relay().pump();
  if ((items[13].revents & POLLIN) != 0) tools_->pump();
  if ((items[14].revents & POLLIN) != 0) lose_owner();
  control_.flush();
  // Before the output: a prompt must not show before the echo that the guest switched off for it.
  handle_control();
  if (is_input_open) input_.pump(terminal_.has_line_editing());
  pump_streams();
  handle_signals();
  if (signals_.take_tick()) handle_tick();
  if (phase_ == Phase::kEnded) return;
  if (const std::optional<int> status = qemu_.poll_end()) handle_qemu_end(*status);
}

void Session::pump_streams() {
  output_.pump();
  error_.pump();
  const std::int64_t end = input_.take_end();
  if (end >= 0) control_.send(std::string(contract::kHostEndOfInput) + " " + std::to_string(end));
}

void Session::handle_signals() {
  for (const int number : signals_.take_signals()) {
    if (number == SIGCHLD) continue;  // poll_end() looks
    if (phase_ == Phase::kEnded) {
      // Only a stalled reader keeps us; a signal that would have ended the program ends the wait.
      if (number != SIGWINCH && number != SIGTSTP) is_gone_for_good_ = true;
    } else if (number == SIGWINCH) {
      const std::string size = terminal_.window_size();
      if (!size.empty()) control_.send(std::string(contract::kHostWindow) + " " + size);
    } else if (number == SIGTSTP) {
      stop_with_shell();
    } else {
      forward(number);
    }
  }
}

void Session::forward(int signal_number) {
  const bool ends_program =
      signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGHUP;
  // Before its first instruction the program has no handler: the signal's default action is taken
  // here.
  if (ends_program && !has_started())
    return end_by_launcher(128 + signal_number, signal_number, "before the program began");
  if (signal_number == SIGINT) {
    if (is_interrupt_unanswered_ && ticks_ - interrupt_tick_ <= kSecondInterruptTicks) {
      is_gone_for_good_ = true;
      return end_by_launcher(128 + SIGINT, SIGINT,
                             "interrupted twice, and the guest did not answer");
    }
    is_interrupt_unanswered_ = true;
    interrupt_tick_ = ticks_;
  }
  control_.send(std::string(contract::kHostSignal) + " " + std::to_string(signal_number));
  if (signal_number == SIGINT) control_.send(contract::kHostPing);
}

// Ctrl-Z: the VM pauses with us, and the shell gets its terminal back as it was.
void Session::stop_with_shell() {
  monitor_.pause();
  terminal_.restore();
  signals_.stop_self();
  terminal_.reapply();
  monitor_.resume();
  watchdog_.answered();
}

void Session::handle_control() {
  if (!is_control_open_) return;
  for (const ControlChannel::Line& line : control_.read_lines(is_control_open_)) handle_line(line);
}

void Session::handle_line(const ControlChannel::Line& line) {
  watchdog_.answered();
  if (line.verb == contract::kGuestReady) {
    is_ready_ = true;
    if (options_.on_ready) options_.on_ready();
  } else if (line.verb == contract::kGuestPong) {
    is_interrupt_unanswered_ = false;
  } else if (line.verb == contract::kGuestClock) {
    const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
    control_.send(std::string(contract::kHostClock) + " " +
                  std::to_string(std::chrono::nanoseconds(unix_time).count()));
  } else if (line.verb == contract::kGuestTermios) {
    terminal_.apply(line.rest);
  } else if (line.verb == contract::kGuestWarning) {
    error_.append(messages_.warning(line.rest));
  } else if (line.verb == contract::kGuestListen || line.verb == contract::kGuestUnlisten) {
    handle_listener(line);
  } else if (line.verb == contract::kGuestExit && phase_ == Phase::kRunning) {
    report_ = parse_exit_line(line.rest);
    if (!report_)
      report_ = ExitReport{kStatusVmFailed, 0, ExitReport::By::kMoka,
                           "the guest's exit line makes no sense: " + line.rest};
    if (options_.is_java) blame_jvm_for_crash(*report_);
    // The guest sent this after its last byte of output had left its rings: it is all in our
    // sockets.
    output_.drain_vm();
    error_.drain_vm();
    control_.send(contract::kHostAcknowledge);
    phase_ = Phase::kAcknowledged;
    ticks_since_phase_ = 0;
  }
}

// The application listens on a port, or no longer does.
void Session::handle_listener(const ControlChannel::Line& line) {
  const std::optional<GuestListener> listener = parse_listener(line.rest);
  if (!listener || phase_ != Phase::kRunning) return;
  if (!publisher_) {
    if (line.verb == contract::kGuestListen) error_.append(messages_.listening(*listener));
    return;
  }
  if (line.verb == contract::kGuestListen)
    publisher_->listen(*listener);
  else
    publisher_->unlisten(*listener);
}

void Session::handle_monitor() {
  monitor_.flush();
  is_monitor_open_ = monitor_.read_events();
  if (phase_ == Phase::kRunning && !report_ && monitor_.stop_reason() == Monitor::kInternalError)
    give_up_on_stopped_vm();
  if (publisher_ && phase_ == Phase::kRunning) publisher_->take_replies();
}

void Session::handle_serial() {
  char bytes[4096];
  ssize_t count;
  while ((count = ::recv(sockets_.serial.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
    const std::string_view text(bytes, static_cast<std::size_t>(count));
    serial_.append(text);
    if (options_.is_verbose) error_.append(text);
  }
  if (count == 0) sockets_.serial.reset();
}

void Session::keep_qemu_output() {
  char bytes[4096];
  ssize_t count;
  while ((count = ::read(qemu_.output(), bytes, sizeof bytes)) > 0) {
    qemu_output_.append(bytes, static_cast<std::size_t>(count));
    if (qemu_output_.size() > kKeptQemuOutput)
      qemu_output_.erase(0, qemu_output_.size() - kKeptQemuOutput);
  }
}

void Session::handle_tick() {
  ++ticks_;
  ++ticks_since_phase_;
  if (ticks_without_owner_ >= 0 && ++ticks_without_owner_ > kTicksWithoutOwner) {
    is_gone_for_good_ = true;  // nor is a stalled reader waited for
    if (phase_ == Phase::kRunning)
      return end_by_launcher(128 + SIGTERM, SIGTERM, "the owner ended, and the program did not");
  }
  if (phase_ == Phase::kAcknowledged) {
    // The program's end is known; a power-off that does not come changes nothing in it.
    if (ticks_since_phase_ > kTicksToPowerOff) qemu_.kill();
    return;
  }
  if (phase_ != Phase::kRunning) return;
  if (hung_ticks_ >= 0) {
    if (++hung_ticks_ > kTicksToSayWhy) give_up_on_hung_vm();
    return;
  }
  // Somebody paused it by a monitor or a signal: it cannot answer, and is not to.
  if (monitor_.is_paused() || qemu_.is_stopped()) {
    was_paused_ = true;
    return watchdog_.answered();
  }
  // Pinged at once when it goes on: that is when its kernel asks for the time that has passed.
  if (std::exchange(was_paused_, false)) control_.send(contract::kHostPing);
  switch (watchdog_.tick(qemu_.cpu_milliseconds())) {
    case Watchdog::Advice::kNothing:
      break;
    case Watchdog::Advice::kPing:
      control_.send(contract::kHostPing);
      break;
    case Watchdog::Advice::kHung:
      monitor_.inject_nmi();
      hung_ticks_ = 0;
      break;
  }
}

// Nobody is left who wants this VM.
void Session::lose_owner() {
  ticks_without_owner_ = 0;
  if (phase_ == Phase::kRunning) forward(SIGTERM);
}

void Session::give_up_on_hung_vm() {
  end_by_launcher(kStatusVmFailed, 0,
                  has_started() ? "the VM stopped answering" : "the VM did not start to answer");
}

void Session::give_up_on_stopped_vm() {
  keep_qemu_output();
  const std::string_view said = trim(qemu_output_);
  std::string reason = "the hypervisor cannot go on with this VM";
  if (!said.empty()) reason += ": " + std::string(said.substr(0, said.find('\n')));
  end_by_launcher(kStatusVmFailed, 0, std::move(reason));
}

void Session::end_by_launcher(int status, int signal_number, std::string reason) {
  // What a panicking kernel managed to say is worth more than our guess.
  if (const std::string panic = serial_.panic(); status == kStatusVmFailed && !panic.empty()) {
    report_ = ExitReport{kStatusVmFailed, 0, ExitReport::By::kKernel, "kernel panic: " + panic};
  } else {
    report_ = ExitReport{status, signal_number, ExitReport::By::kMoka, std::move(reason)};
  }
  qemu_.kill();
}

bool Session::has_started() const {
  return is_ready_ || output_.saw_output() || error_.saw_output();
}

void Session::handle_qemu_end(int status) {
  output_.drain_vm();
  error_.drain_vm();
  if (sockets_.serial) handle_serial();
  keep_qemu_output();
  if (is_monitor_open_) monitor_.read_events();
  if (!report_) handle_control();  // an exit line may have come last
  if (!report_) report_ = classify_end(status);
  if (tools_) tools_->end();
  phase_ = Phase::kEnded;
}

ExitReport Session::classify_end(int status) {
  ExitReport report{kStatusVmFailed, 0, ExitReport::By::kKernel, ""};
  const std::string panic = serial_.panic();
  const std::string& stop = monitor_.stop_reason();
  if (!panic.empty()) {
    report.reason = "kernel panic: " + panic;
  } else if (status == ((contract::kPanicExitCode << 1) | 1)) {
    report.reason = "kernel panic";
  } else if (stop == "guest-reset") {
    report.reason = "the virtual CPU was reset (triple fault)";
  } else if (stop == "guest-shutdown") {
    report.reason = "the VM powered off without saying how the program ended";
  } else {
    report.by = ExitReport::By::kMoka;
    report.reason = "QEMU ended with status " + std::to_string(status);
    if (const std::string_view said = trim(qemu_output_); !said.empty())
      report.reason += ": " + std::string(said);
  }
  return report;
}

void Session::explain() {
  if (report_->by == ExitReport::By::kApplication || report_->by == ExitReport::By::kJvm) return;
  if (report_->signal != 0 && report_->by == ExitReport::By::kMoka) return;  // the user's own doing
  if (!report_->reason.empty()) error_.append(messages_.error(report_->reason));
  if (report_->status != kStatusVmFailed) return;
  if (monitor_.stop_reason() == Monitor::kInternalError && !trim(qemu_output_).empty())
    error_.append(messages_.error("QEMU's last words:\n" + qemu_output_));
  if (options_.is_verbose || serial_.is_empty()) return;
  error_.append(
      messages_.error("the kernel's last words:\n" + serial_.last_lines(kSerialLinesShown)));
}

}  // namespace moka
