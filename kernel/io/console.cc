// SPDX-License-Identifier: Apache-2.0
#include "io/console.h"

#include <memory>

#include "base/format.h"
#include "base/global.h"
#include "time/clock.h"
#include "contract/vm_contract.h"
#include "io/anonymous.h"
#include "io/console_input.h"
#include "io/console_output.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kTerminalDevice = (136u << 8) | 0;  // st_rdev of /dev/pts/0

class ConsoleFile;
void on_port_changed(Waiter& waiter);

// Stands on a port's announcements for good and passes them on to the open console files.
struct PortListener {
  PortListener() : waiter(&on_port_changed, nullptr) {}
  Waiter waiter;
};

class ConsoleFile final : public File {
 public:
  ConsoleFile(StreamKind kind, ConsoleInput* input, ConsoleOutput* output, std::uint32_t flags);
  ~ConsoleFile() override;

  Result<std::size_t> read(IoBuffer& into) override;
  Result<std::size_t> write(IoBuffer& from) override;
  Result<std::int64_t> control(std::uint32_t request, std::uint64_t argument) override;
  Result<FileStatus> status() override;
  PollEvents poll() override;
  bool pollable() override { return true; }
  std::size_t describe(char* buffer, std::size_t size) override;

  ListHook open_hook;  // Console::files

 private:
  Result<std::int64_t> control_terminal(std::uint32_t request, VirtAddr argument);
  Result<void> change_settings(const Termios& termios, std::uint32_t how);
  ReadRule read_rule();

  const StreamKind kind_;
  ConsoleInput* const input_;    // null: not for reading
  ConsoleOutput* const output_;  // null: not for writing
  const std::uint64_t inode_;    // a pipe's
};

struct Console {
  explicit Console(const ConsoleConfiguration& c)
      : configuration(c), termios(c.termios), window(c.window) {}

  const ConsoleConfiguration configuration;
  std::unique_ptr<ConsoleInput> input;
  std::unique_ptr<ConsoleOutput> outputs[2];  // standard output and error

  SpinLock settings_lock{LockRank::kReadiness};
  Termios termios GUARDED_BY(settings_lock);
  WindowSize window GUARDED_BY(settings_lock);
  std::atomic<TermiosSink> termios_sink{nullptr};
  std::atomic<std::uint64_t> terminal_device{0}, terminal_inode{0};  // of the node, set by boot

  SpinLock files_lock{LockRank::kConsole};
  IntrusiveList<ConsoleFile, &ConsoleFile::open_hook> files GUARDED_BY(files_lock);
  PortListener listeners[3];

  bool is_terminal(StandardStream stream) const {
    return configuration.streams[static_cast<std::size_t>(stream)] == StreamKind::kTerminal;
  }
  // Where a terminal's output goes: whichever output stream is one.
  ConsoleOutput* terminal_output() {
    if (is_terminal(StandardStream::kOutput)) return outputs[0].get();
    return is_terminal(StandardStream::kError) ? outputs[1].get() : nullptr;
  }
  ConsoleInput* terminal_input() { return is_terminal(StandardStream::kInput) ? input.get() : nullptr; }
};
Global<Console> console;

void on_port_changed(Waiter&) {
  IrqSpinGuard guard(console->files_lock);
  for (ConsoleFile& file : console->files) file.notify();
}

ConsoleFile::ConsoleFile(StreamKind kind, ConsoleInput* input, ConsoleOutput* output, std::uint32_t flags)
    : File(flags), kind_(kind), input_(input), output_(output),
      inode_(kind == StreamKind::kTerminal ? 0 : next_anonymous_inode()) {
  IrqSpinGuard guard(console->files_lock);
  console->files.push_back(*this);
}

ConsoleFile::~ConsoleFile() {
  IrqSpinGuard guard(console->files_lock);
  console->files.erase(console->files.iterator_to(*this));
}

ReadRule ConsoleFile::read_rule() {
  ReadRule rule;
  if (kind_ != StreamKind::kTerminal) return rule;
  SpinGuard guard(console->settings_lock);
  const Termios termios = console->termios;
  rule.lines = (termios.local_flags & kLocalCanonical) != 0;
  if (!rule.lines) {
    rule.minimum = termios.control_characters[kCharacterMinimum];
    rule.time = Duration::milliseconds(100 * termios.control_characters[kCharacterTime]);
  }
  return rule;
}

Result<std::size_t> ConsoleFile::read(IoBuffer& into) {
  if (input_ == nullptr) return Errno::kEIO;
  return input_->read(into, read_rule(), non_blocking());
}

Result<std::size_t> ConsoleFile::write(IoBuffer& from) {
  if (output_ == nullptr) return Errno::kEIO;
  Result<std::size_t> written = output_->write(from, non_blocking());
  // A terminal that hung up is an input/output error, a pipe without a reader a broken pipe.
  if (!written.ok() && written.error() == Errno::kEPIPE && kind_ == StreamKind::kTerminal) {
    return Errno::kEIO;
  }
  return written;
}

Result<std::int64_t> ConsoleFile::control(std::uint32_t request, std::uint64_t argument) {
  if (request == kFionread) {
    const std::size_t count = input_ == nullptr ? 0 : input_->available();
    TRY(write_application(VirtAddr(argument), static_cast<std::int32_t>(count)));
    return std::int64_t{0};
  }
  if (kind_ != StreamKind::kTerminal) return Errno::kENOTTY;
  return control_terminal(request, VirtAddr(argument));
}

// how: 0 at once, 1 after output has drained, 2 as 1 and with input discarded (TCSETS, TCSETSW, TCSETSF).
Result<void> ConsoleFile::change_settings(const Termios& termios, std::uint32_t how) {
  if (how >= 1 && output_ != nullptr && !output_->drain(Instant::never(), Interruptible::kYes)) {
    return Errno::kRestart;
  }
  if (how == 2 && input_ != nullptr) input_->discard();
  {
    SpinGuard guard(console->settings_lock);
    console->termios = termios;
  }
  if (TermiosSink sink = console->termios_sink.load(std::memory_order_acquire)) sink(termios);
  return {};
}

Result<std::int64_t> ConsoleFile::control_terminal(std::uint32_t request, VirtAddr argument) {
  Termios termios;
  WindowSize window;
  {
    SpinGuard guard(console->settings_lock);
    termios = console->termios;
    window = console->window;
  }
  // The only process leads the only session and process group.
  constexpr std::int32_t kGroup = 1;
  switch (request) {
    case kTcgets: TRY(write_application(argument, termios)); break;
    case kTcgets2: TRY(write_application(argument, Termios2{termios})); break;
    case kTcsets:
    case kTcsetsw:
    case kTcsetsf: TRY(change_settings(TRY(read_application<Termios>(argument)), request - kTcsets)); break;
    case kTcsets2:
    case kTcsetsw2:
    case kTcsetsf2:
      TRY(change_settings(TRY(read_application<Termios2>(argument)).base, request - kTcsets2));
      break;
    case kTiocgwinsz: TRY(write_application(argument, window)); break;
    case kTiocswinsz: set_window_size(TRY(read_application<WindowSize>(argument))); break;
    case kTiocgpgrp:
    case kTiocgsid: TRY(write_application(argument, kGroup)); break;
    case kTiocspgrp:
      if (TRY(read_application<std::int32_t>(argument)) != kGroup) return Errno::kESRCH;
      break;
    case kTiocsctty: break;
    case kTiocoutq: TRY(write_application(argument, std::int32_t{0})); break;
    case kTcflush:
      if (argument.value() > 2) return Errno::kEINVAL;
      if (argument.value() != 1 && input_ != nullptr) input_->discard();
      break;
    case kTcsbrk:
    case kTcsbrkp:
      if (output_ != nullptr && !output_->drain(Instant::never(), Interruptible::kYes)) {
        return Errno::kRestart;
      }
      break;
    case kTcxonc:
      if (argument.value() > 3) return Errno::kEINVAL;
      break;  // flow is the host's
    default: return Errno::kENOTTY;
  }
  return std::int64_t{0};
}

Result<FileStatus> ConsoleFile::status() {
  FileStatus status;
  status.inode = inode_;
  if (kind_ == StreamKind::kTerminal) {
    status.device = console->terminal_device.load(std::memory_order_relaxed);
    status.inode = console->terminal_inode.load(std::memory_order_relaxed);
    status.mode = kCharacterMode | 0620;
    status.special_device = kTerminalDevice;
    status.block_size = 1024;
  } else {
    status.device = kPipeDevice;
    status.mode = kFifoMode | 0600;
  }
  return status;
}

PollEvents ConsoleFile::poll() {
  PollEvents events = 0;
  if (readable() && input_ != nullptr && input_->readable()) {
    // A pipe at its end is hung up; with data left it is readable too.
    const bool at_end = kind_ == StreamKind::kPipe && (input_->port() == nullptr || input_->ended());
    events |= at_end ? kPollHangUp : kPollReadable;
  }
  if (writable() && output_ != nullptr) {
    if (output_->writable()) events |= kPollWritable;
    if (output_->gone()) events |= kind_ == StreamKind::kPipe ? kPollError : kPollHangUp;
  }
  return events;
}

std::size_t ConsoleFile::describe(char* buffer, std::size_t size) {
  if (kind_ == StreamKind::kTerminal) return format_to(buffer, size, "/dev/pts/0");
  return format_to(buffer, size, "pipe:[%llu]", static_cast<unsigned long long>(inode_));
}

StreamPort* port_or_serial(const char* name) {
  StreamPort* port = wait_for_stream_port(name, now() + kAnnouncementPatience);
  return port != nullptr ? port : find_stream_port("serial");
}

}  // namespace

Result<void> initialise_console(const ConsoleConfiguration& configuration) {
  Console& made = console.construct(configuration);
  StreamPort* ports[3] = {port_or_serial(contract::kPortStdin), port_or_serial(contract::kPortStdout),
                          port_or_serial(contract::kPortStderr)};
  made.input = TRY(make_unique_or_error<ConsoleInput>(ports[0], !made.is_terminal(StandardStream::kInput)));
  for (std::size_t i = 0; i < 2; ++i) {
    made.outputs[i] = TRY(make_unique_or_error<ConsoleOutput>(ports[i + 1]));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (ports[i] != nullptr) ports[i]->changed.add(made.listeners[i].waiter);
  }
  return {};
}

Result<RefPtr<File>> console_file(StandardStream stream) {
  if (console->is_terminal(stream)) return open_terminal(kOpenReadWrite);
  if (stream == StandardStream::kInput) {
    return RefPtr<File>(TRY(
        make_ref<ConsoleFile>(StreamKind::kPipe, console->input.get(), nullptr, kOpenReadOnly)));
  }
  ConsoleOutput* output = console->outputs[stream == StandardStream::kError ? 1 : 0].get();
  return RefPtr<File>(TRY(make_ref<ConsoleFile>(StreamKind::kPipe, nullptr, output, kOpenWriteOnly)));
}

Result<RefPtr<File>> open_terminal(std::uint32_t flags) {
  ConsoleInput* input = console->terminal_input();
  ConsoleOutput* output = console->terminal_output();
  if (input == nullptr && output == nullptr) return Errno::kENXIO;
  return RefPtr<File>(TRY(make_ref<ConsoleFile>(StreamKind::kTerminal, input, output, flags)));
}

void set_end_of_input(std::uint64_t bytes) { console->input->set_end(bytes); }

void set_window_size(WindowSize size) {
  SpinGuard guard(console->settings_lock);
  console->window = size;
}

void set_terminal_identity(std::uint64_t device, std::uint64_t inode) {
  console->terminal_device.store(device, std::memory_order_relaxed);
  console->terminal_inode.store(inode, std::memory_order_relaxed);
}

void set_termios_sink(TermiosSink sink) { console->termios_sink.store(sink, std::memory_order_release); }

void drain_console(Instant deadline) {
  if (!console.constructed()) return;  // the VM ends before it had one
  for (const std::unique_ptr<ConsoleOutput>& output : console->outputs) {
    output->drain(deadline, Interruptible::kNo);
  }
}

}  // namespace mokapot
