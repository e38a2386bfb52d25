// SPDX-License-Identifier: Apache-2.0
#include "api/jvm_attach.h"

#include "base/format.h"
#include "base/global.h"
#include "base/vector.h"
#include "fs/socket_node.h"
#include "fs/vfs.h"
#include "process/signals.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "time/clock.h"

namespace mokapot {
namespace {

constexpr std::size_t kArguments = 3;  // a request has so many, whatever the operation needs
constexpr std::size_t kChunk = 4096;
// How long a JVM may take to listen: it may just be starting, and on a slow machine that takes its time.
constexpr Duration kPatience = Duration::seconds(60);
// HotSpot's own clients look for the listener so often, too: nothing tells of its coming.
constexpr Duration kLookAgain = Duration::milliseconds(20);
// A signal that came while another was being handled is lost; the client repeats it.
constexpr Duration kSignalAgain = Duration::seconds(5);

Global<Mutex> waking_mutex;

struct Paths {
  TextBuffer<32> trigger, listener;
  Paths() {
    trigger.append("/tmp/.attach_pid%d", kOwnCredentials.process);
    listener.append("/tmp/.java_pid%d", kOwnCredentials.process);
  }
};

Result<RefPtr<UnixSocketBase>> connect_to_listener(const Paths& paths) {
  RefPtr<UnixSocketBase> listener = TRY(find_socket_at(paths.listener.view(), kSocketStream));
  RefPtr<UnixSocketBase> socket = TRY(UnixSocketBase::create(kSocketStream, 0));
  TRY(socket->connect_to(*listener));
  return socket;
}

// Whether SIGQUIT is handled: by default it would end the program, and a JVM that starts has not set its handler yet.
bool handles_signal() {
  const std::uint64_t handler = signal_action(kSigQuit).handler;
  return handler != kHandlerDefault && handler != kHandlerIgnore;
}

// Has the JVM listen, and connects.
Result<RefPtr<UnixSocketBase>> wake_and_connect(const Paths& paths, ToolStream& stream, std::string_view& problem) {
  MutexGuard guard(*waking_mutex);
  const Instant deadline = now() + kPatience;
  Instant next_signal = now();
  bool signalled = false;
  while (!stream.cancelled()) {
    // Somebody else may have woken it; and what is not there yet is waited for.
    Result<RefPtr<UnixSocketBase>> socket = connect_to_listener(paths);
    if (socket.ok()) return socket;
    if (now() >= deadline) {
      problem = signalled ? "the JVM does not answer: it was asked to listen for tools and does not, within 60 s"
                          : "the program does not handle SIGQUIT: it is no JVM, or one that has not come up yet";
      return Errno::kETIMEDOUT;
    }
    if (now() >= next_signal && handles_signal()) {
      constexpr std::uint32_t kPermissions = 0600;
      const auto made = vfs_open(nullptr, paths.trigger.view(), kOpenWriteOnly | kOpenCreate, kPermissions);
      if (!made.ok()) {
        problem = "/tmp of the VM cannot be written, where the JVM is to find that it is wanted";
        return made.error();
      }
      SignalInfo info;
      info.signal = kSigQuit;
      (void)send_signal_to_process(info).ok();  // fails for want of memory only; it is sent again
      signalled = true;
      next_signal = now() + kSignalAgain;
    }
    (void)sleep_until(now() + kLookAgain, Interruptible::kYes).ok();  // cut short: the loop asks why
  }
  return Errno::kECANCELED;
}

std::string_view relay_answer(UnixSocketBase& socket, ToolStream& stream) {
  Vector<char> chunk;
  if (!chunk.resize(kChunk).ok()) return "the VM has no memory left for tools";
  bool answered = false;
  while (true) {
    IoBuffer into(chunk.data(), kChunk);
    IncomingMessage message;
    const Result<std::size_t> size = socket.receive(into, message);
    if (stream.cancelled()) return "";
    if (!size.ok() || (size.value() == 0 && !answered)) return "the JVM closed the connection without an answer; it may be ending";
    if (size.value() == 0) return "";
    answered = true;
    if (!stream.send(chunk.data(), size.value()).ok()) return "";
  }
}

}  // namespace

void initialise_jvm_attach() { waking_mutex.construct(LockRank::kProcess); }

std::string_view attach_to_jvm(std::span<const std::string_view> words, ToolStream& stream) {
  if (words.empty() || words.size() > kArguments + 1) return "an attach operation has a name and at most three arguments";
  Vector<char> request;
  const auto add = [&request](std::string_view word) -> Result<void> {
    for (const char c : word) TRY(request.push_back(c));
    return request.push_back('\0');
  };
  bool composed = add("1").ok();
  for (std::size_t i = 0; i <= kArguments; ++i) composed = composed && add(i < words.size() ? words[i] : "").ok();
  if (!composed) return "the VM has no memory left for tools";

  const Paths paths;
  std::string_view problem = "the JVM cannot be reached";
  Result<RefPtr<UnixSocketBase>> socket = connect_to_listener(paths);
  if (!socket.ok()) {
    socket = wake_and_connect(paths, stream, problem);
    (void)vfs_unlink(nullptr, paths.trigger.view()).ok();  // the JVM has taken it already where all went well
  }
  if (stream.cancelled()) return "";
  if (!socket.ok()) return problem;
  IoBuffer from(request.data(), request.size());
  OutgoingMessage message;
  message.flags = kMessageNoSignal;
  while (from.remaining() > 0)
    if (!socket.value()->send(from, message).ok()) return stream.cancelled() ? "" : "the JVM closed the connection before it was asked";
  return relay_answer(*socket.value(), stream);
}

}  // namespace mokapot
