// SPDX-License-Identifier: Apache-2.0
#include "io/control_channel.h"

#include <atomic>
#include <utility>

#include "base/format.h"
#include "base/global.h"
#include "time/clock.h"
#include "time/host_clock.h"
#include "contract/vm_contract.h"
#include "device/stream_port.h"
#include "io/console.h"
#include "io/control_line.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "trace/log.h"

namespace mokapot {
namespace {

struct ControlChannel {
  ControlChannel(StreamPort& p, const ControlHandlers& h) : port(p), handlers(h) {}
  StreamPort& port;
  const ControlHandlers handlers;
  Mutex send_mutex{LockRank::kDevice};
  ControlLineAssembler assembler;  // the thread's
  Instant clock_asked;             // the thread's
  bool clock_is_asked = false;     // the thread's: one question at a time, so that the answer is to it
  std::atomic<bool> acknowledged{false};
  WaitQueue acknowledgement;
};
Global<ControlChannel> channel;

// With its line feed. Waits for room: the host reads this port always.
void send_line(std::string_view line, Instant deadline = Instant::never()) {
  if (!channel.constructed()) return;
  MutexGuard guard(channel->send_mutex);
  (void)write_fully(channel->port, line, deadline);  // a host that is gone misses no line
}

void send_termios(const Termios& termios) {
  char settings[128];
  format_termios(termios, settings, sizeof(settings));
  TextBuffer<160> line;
  line.append("%s %s\n", contract::kGuestTermios, settings);
  send_line(line.view());
}

// With each sign of life that the host asks for: a VM that was stopped finds the question when it goes on.
void ask_for_clock() {
  if (channel->clock_is_asked) return;
  channel->clock_is_asked = true;
  channel->clock_asked = now();
  send_control_line(contract::kGuestClock);
}

void take_clock(std::int64_t nanoseconds) {
  if (!std::exchange(channel->clock_is_asked, false)) return;
  const ClockCorrection correction = follow_host_clock(channel->clock_asked, now(), nanoseconds);
  if (correction == ClockCorrection::kStepped) LOG_INFO("clock: set by the host's");
  if (correction != ClockCorrection::kNone && channel->handlers.wall_clock_changed != nullptr) {
    channel->handlers.wall_clock_changed();
  }
}

void carry_out(const ControlCommand& command) {
  switch (command.verb) {
    case ControlCommand::Verb::kSignal:
      if (channel->handlers.signal != nullptr) channel->handlers.signal(static_cast<int>(command.first));
      break;
    case ControlCommand::Verb::kWindow:
      set_window_size({static_cast<std::uint16_t>(command.first),
                       static_cast<std::uint16_t>(command.second), 0, 0});
      if (channel->handlers.window_changed != nullptr) channel->handlers.window_changed();
      break;
    case ControlCommand::Verb::kEndOfInput: set_end_of_input(command.first); break;
    case ControlCommand::Verb::kPing:
      send_control_line(contract::kGuestPong);
      ask_for_clock();
      break;
    case ControlCommand::Verb::kClock: take_clock(static_cast<std::int64_t>(command.first)); break;
    case ControlCommand::Verb::kAcknowledge:
      channel->acknowledged.store(true, std::memory_order_release);
      channel->acknowledgement.wake_all();
      break;
  }
}

void run_channel(void*) {
  StreamPort& port = channel->port;
  ask_for_clock();
  while (true) {
    char piece[128];
    const std::size_t size = port.try_read(piece, sizeof(piece));
    if (size == 0) {
      wait_until(port.changed, Instant::never(), Interruptible::kNo, [&port] { return port.can_read(); });
      continue;
    }
    for (std::size_t i = 0; i < size; ++i) {
      const std::optional<std::string_view> line = channel->assembler.take(piece[i]);
      if (!line) continue;
      const std::optional<ControlCommand> command = parse_control_line(*line);
      if (command) {
        carry_out(*command);
      } else {
        LOG_WARNING("control: a line from the host was not understood (%zu characters)", line->size());
      }
    }
  }
}

}  // namespace

Result<void> initialise_control_channel(const ControlHandlers& handlers) {
  StreamPort* port = wait_for_stream_port(contract::kPortControl, now() + kAnnouncementPatience);
  if (port == nullptr) return {};
  channel.construct(*port, handlers);
  set_termios_sink(&send_termios);
  TRY(start_kernel_thread("control", &run_channel, nullptr));
  return {};
}

bool control_channel_present() { return channel.constructed(); }

void send_control_line(std::string_view line) {
  send_line(OutgoingControlLine(line).view());
}

bool send_exit(const ExitLine& exit, Instant deadline) {
  drain_console(deadline);
  if (!channel.constructed()) return false;
  TextBuffer<512> line;
  line.append("%s status=%d signal=%d by=%s reason=%.*s\n", contract::kGuestExit, exit.status, exit.signal,
              exit.by, static_cast<int>(exit.reason.size()), exit.reason.data());
  send_line(line.view(), deadline);
  return wait_until(channel->acknowledgement, deadline, Interruptible::kNo, [] {
           return channel->acknowledged.load(std::memory_order_acquire);
         }) == WakeReason::kWoken;
}

}  // namespace mokapot
