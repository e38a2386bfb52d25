// SPDX-License-Identifier: Apache-2.0
#include "api/tool_channel.h"

#include <algorithm>
#include <cstring>

#include "api/jvm_attach.h"
#include "api/loopback_connection.h"
#include "api/proc_question.h"
#include "api/tool_frame.h"
#include "api/tool_stream.h"
#include "base/global.h"
#include "base/vector.h"
#include "device/stream_port.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr std::size_t kMostStreams = 16;
constexpr std::size_t kMostWords = 5;

void send_frame(std::uint32_t stream, std::uint16_t type, std::string_view first, std::string_view second = {});

class Stream final : public ToolStream {
 public:
  // The channel's thread. False: taken.
  bool open(std::uint32_t id, std::string_view question) EXCLUDES(lock_);
  bool is(std::uint32_t id) EXCLUDES(lock_) {
    SpinGuard guard(lock_);
    return busy_ && id_ == id;
  }
  void widen(std::uint32_t bytes) EXCLUDES(lock_);
  void cancel() EXCLUDES(lock_);

  // The stream's own thread.
  Result<void> send(const void* bytes, std::size_t size) override;
  bool cancelled() override {
    SpinGuard guard(lock_);
    return cancelled_;
  }

 private:
  static void run(void* self);
  std::string_view answer();
  std::size_t take_window(std::size_t wanted) EXCLUDES(lock_);

  SpinLock lock_{LockRank::kReadiness};
  WaitQueue window_changed_;
  Vector<char> question_;  // the thread's, once it has started
  bool busy_ GUARDED_BY(lock_) = false;
  bool cancelled_ GUARDED_BY(lock_) = false;
  std::uint32_t id_ GUARDED_BY(lock_) = 0;
  std::uint32_t window_ GUARDED_BY(lock_) = 0;
  RefPtr<Thread> thread_ GUARDED_BY(lock_);  // while it runs
};

struct ToolChannel {
  explicit ToolChannel(StreamPort& p) : port(p) {}
  StreamPort& port;
  Mutex send_mutex{LockRank::kDevice};
  ToolFrameAssembler assembler;  // the thread's
  Stream streams[kMostStreams];
};
Global<ToolChannel> channel;

void send_frame(std::uint32_t stream, std::uint16_t type, std::string_view first, std::string_view second) {
  const contract::ToolFrame header{stream, type, static_cast<std::uint16_t>(first.size() + second.size())};
  MutexGuard guard(channel->send_mutex);
  // The host reads this port always: windows are what holds an answer back.
  const auto write = [](std::string_view bytes) { (void)write_fully(channel->port, bytes); };
  // SAFETY: a header as the bytes that it is on the wire.
  write({reinterpret_cast<const char*>(&header), sizeof(header)});
  write(first);
  write(second);
}

void send_end(std::uint32_t stream, std::string_view problem) {
  const char code = static_cast<char>(problem.empty() ? contract::kToolOk : contract::kToolFailed);
  send_frame(stream, contract::kToolEnd, {&code, 1}, problem);
}

bool Stream::open(std::uint32_t id, std::string_view question) {
  {
    SpinGuard guard(lock_);
    if (busy_) return false;
    busy_ = true;
    cancelled_ = false;
    id_ = id;
    window_ = 0;
  }
  const bool kept = question_.resize(question.size()).ok();
  if (kept) std::memcpy(question_.data(), question.data(), question.size());
  if (kept && start_kernel_thread("tool", &run, this).ok()) return true;
  {
    SpinGuard guard(lock_);
    busy_ = false;
  }
  send_end(id, "the VM has no memory left for tools");
  return true;
}

void Stream::widen(std::uint32_t bytes) {
  {
    SpinGuard guard(lock_);
    window_ = std::min(window_ + std::min(bytes, contract::kToolWindowLimit), contract::kToolWindowLimit);
  }
  window_changed_.wake_all();
}

void Stream::cancel() {
  RefPtr<Thread> thread;
  {
    SpinGuard guard(lock_);
    cancelled_ = true;
    thread = thread_;
  }
  if (thread) thread->interrupt();
}

std::size_t Stream::take_window(std::size_t wanted) {
  SpinGuard guard(lock_);
  const std::size_t taken = std::min<std::size_t>(wanted, window_);
  window_ -= static_cast<std::uint32_t>(taken);
  return taken;
}

Result<void> Stream::send(const void* bytes, std::size_t size) {
  const auto* rest = static_cast<const char*>(bytes);
  std::uint32_t id = 0;
  {
    SpinGuard guard(lock_);
    id = id_;
  }
  while (size > 0) {
    const std::size_t piece = take_window(std::min<std::size_t>(size, contract::kToolFrameLimit));
    if (cancelled()) return Errno::kECANCELED;
    if (piece == 0) {
      wait_until(window_changed_, Instant::never(), Interruptible::kYes, [this] {
        SpinGuard guard(lock_);
        return window_ != 0 || cancelled_;
      });
      continue;
    }
    send_frame(id, contract::kToolData, {rest, piece});
    rest += piece;
    size -= piece;
  }
  return {};
}

std::string_view Stream::answer() {
  ToolWords<kMostWords> asked;
  if (!asked.parse({question_.data(), question_.size()})) return "the kernel does not understand the question";
  if (asked.words[0] == contract::kToolAttach)
    return attach_to_jvm({asked.words + 1, asked.count - 1}, *this);
  if (asked.words[0] == contract::kToolProc) return answer_from_proc({asked.words + 1, asked.count - 1}, *this);
  if (asked.words[0] == contract::kToolConnect) return connect_to_loopback({asked.words + 1, asked.count - 1}, *this);
  return "this kernel does not know the tool; moka is newer than it";
}

void Stream::run(void* self) {
  auto& stream = *static_cast<Stream*>(self);
  std::uint32_t id = 0;
  {
    SpinGuard guard(stream.lock_);
    stream.thread_ = RefPtr<Thread>(&current_thread());
    id = stream.id_;
  }
  const std::string_view problem = stream.cancelled() ? "" : stream.answer();
  RefPtr<Thread> self_reference;  // dropped with no lock held
  {
    SpinGuard guard(stream.lock_);
    self_reference = std::move(stream.thread_);
    stream.busy_ = false;
  }
  // Last, since the host may use the number again from then on; the place is somebody else's already.
  send_end(id, problem);
}

void open_stream(std::uint32_t id, std::string_view question) {
  for (Stream& stream : channel->streams)
    if (stream.open(id, question)) return;
  send_end(id, "too many tools are at work on this VM at once");
}

void handle_frame(const ToolFrameAssembler::Frame& frame) {
  const std::uint32_t id = frame.header.stream;
  if (frame.header.type == contract::kToolOpen) return open_stream(id, frame.payload);
  for (Stream& stream : channel->streams) {
    if (!stream.is(id)) continue;
    std::uint32_t bytes = 0;
    if (frame.header.type == contract::kToolClose) {
      stream.cancel();
    } else if (frame.header.type == contract::kToolWindow && frame.payload.size() == sizeof(bytes)) {
      std::memcpy(&bytes, frame.payload.data(), sizeof(bytes));
      stream.widen(bytes);
    }
    return;
  }
  // A stream that has just ended: the host did not know yet.
}

void run_channel(void*) {
  StreamPort& port = channel->port;
  while (!channel->assembler.broken()) {
    char piece[256];
    const std::size_t size = port.try_read(piece, sizeof(piece));
    if (size == 0) {
      wait_until(port.changed, Instant::never(), Interruptible::kNo, [&port] { return port.can_read(); });
      continue;
    }
    std::span<const char> bytes(piece, size);
    while (const auto frame = channel->assembler.take(bytes)) handle_frame(*frame);
  }
  LOG_WARNING("tools: what the host sends makes no sense; there are no tools any more");
}

}  // namespace

Result<void> initialise_tool_channel() {
  StreamPort* port = wait_for_stream_port(contract::kPortTools, now() + kAnnouncementPatience);
  if (port == nullptr) return {};
  channel.construct(*port);
  initialise_jvm_attach();
  TRY(start_kernel_thread("tools", &run_channel, nullptr));
  return {};
}

}  // namespace mokapot
