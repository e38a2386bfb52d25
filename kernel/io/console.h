// SPDX-License-Identifier: Apache-2.0
//
// The application's standard input, output and error over byte streams to the host: the virtio-console
// ports of contract/vm_contract.h, or the serial line where they are missing. Each shows itself as a
// terminal or as a pipe, as it is on the host.
//
// The line discipline is the host terminal's: what arrives is edited, echoed and cut into lines already, and
// newlines are translated on the way out there. Here are only the settings as the application last saw
// them, and the rules of read(2): at most one line a call in canonical mode, VMIN and VTIME otherwise.
//
// Boot: initialise_console() after the ports are registered, then console_file() for descriptors 0, 1 and 2.
//
// Locks: one mutex a direction (rank kInode), held while application memory is copied; a spinlock for the
// list of open console files (rank kConsole), which a port's announcements walk in interrupt context; and
// one for the terminal's settings (rank kReadiness). Thread context but for the announcements.
#pragma once

#include <cstdint>

#include "io/file.h"
#include "io/terminal_requests.h"

namespace mokapot {

// What a standard stream is on the host. kNull has no console file: boot opens /dev/null for it.
enum class StreamKind : std::uint8_t { kTerminal, kPipe, kNull };
enum class StandardStream : std::uint8_t { kInput = 0, kOutput = 1, kError = 2 };

struct ConsoleConfiguration {
  StreamKind streams[3] = {StreamKind::kNull, StreamKind::kPipe, StreamKind::kPipe};
  Termios termios;
  WindowSize window;
};

// kENOMEM. Ports that do not exist: input is at its end, output vanishes.
Result<void> initialise_console(const ConsoleConfiguration& configuration);
// Termios of a terminal in its usual state, for a configuration that does not say.
Termios usual_termios();
// The text form of the contract, "4500 5 bf 8a3b 031c7f15...": kEINVAL where it makes no sense.
Result<Termios> parse_termios(std::string_view text);
// Returns the length; 64 + 2 * 19 characters suffice.
std::size_t format_termios(const Termios& termios, char* buffer, std::size_t size);

// A file for a standard stream. Two terminal streams are one terminal: open for reading and writing.
Result<RefPtr<File>> console_file(StandardStream stream);
// /dev/tty, /dev/console, /dev/pts/0: kENXIO if no stream is a terminal.
Result<RefPtr<File>> open_terminal(std::uint32_t flags);

// What the control channel brings. Input ends once that many bytes in all were read; a terminal can be read
// on after its end was seen, as one can after Ctrl-D.
void set_end_of_input(std::uint64_t bytes);
void set_window_size(WindowSize size);
// st_dev and st_ino of the terminal's node in /dev, for fstat of the terminal.
void set_terminal_identity(std::uint64_t device, std::uint64_t inode);
// Called when the application changes the terminal's settings, to tell the host. Thread context.
using TermiosSink = void (*)(const Termios& termios);
void set_termios_sink(TermiosSink sink);

// Waits until the host has taken all output, or the deadline.
void drain_console(Instant deadline);

}  // namespace mokapot
