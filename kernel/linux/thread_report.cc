// SPDX-License-Identifier: Apache-2.0
#include "linux/thread_report.h"

#include "arch/memory_copy.h"
#include "arch/traps.h"
#include "base/format.h"
#include "base/vector.h"
#include "linux/dispatch.h"
#include "process/task.h"
#include "time/clock.h"

namespace mokapot {
namespace {

using Line = TextBuffer<256>;
using Print = void (*)(std::string_view line, void* context);

// A serial line takes its time, and a thousand threads mostly wait for the same.
constexpr unsigned kMostStopped = 64;
constexpr unsigned kMostFrames = 12;

const char* doing(const Thread& thread) {
  switch (thread.state()) {
    case ThreadState::kNew: return "is new";
    case ThreadState::kRunnable: return thread.was_on_cpu() ? "runs" : "waits for its turn";
    case ThreadState::kBlocked: return "sleeps";
    case ThreadState::kDead: return "has ended";
  }
  return "?";
}

void append_entry(Line& line, const arch::TrapFrame& frame) {
  if (!frame.is_syscall()) {
    line.append(", application at %#lx", frame.instruction_pointer().value());
    return;
  }
  const std::uint64_t number = frame.syscall_number();
  const char* name = syscall_name(number);
  if (name == nullptr) {
    line.append(", in system call %lu", number);
    return;
  }
  line.append(", in %s(", name);
  for (std::size_t i = 0; i < syscall_argument_count(number); ++i)
    line.append("%s%#lx", i == 0 ? "" : ", ", frame.syscall_argument(static_cast<int>(i)));
  line.append(")");
}

// time: now, or never() where the clock must not be asked, since who sets it may have been interrupted.
void report(const Thread& thread, WithStacks stacks, Instant time, Print print, void* context) {
  Line line;
  // SAFETY: only tasks run the application's code.
  if (thread.runs() == Runs::kApplication) line.append("[%d]", static_cast<const Task&>(thread).tid());
  else line.append("[-]");
  const bool has_time = !time.is_never();
  const Instant since = thread.last_switch();
  const std::int64_t milliseconds = (has_time ? time - since : since - Instant()).nanoseconds() / 1'000'000;
  line.append(" \"%s\" %s %s %ld.%03ld s, cpu %u", thread.name(), doing(thread), has_time ? "for" : "since",
              static_cast<long>(milliseconds / 1000), static_cast<long>(milliseconds % 1000), thread.last_cpu().index());
  arch::TrapFrame frame;
  if (entry_frame(thread, frame)) append_entry(line, frame);
  print(line.view(), context);
  if (stacks == WithStacks::kNo || thread.was_on_cpu()) return;
  struct Frames {
    Print print;
    void* context;
    unsigned count = 0;
  } frames{print, context};
  arch::walk_stack(
      thread.parked_position(), thread.kernel_stack(),
      [](VirtAddr address, void* argument) {
        auto& f = *static_cast<Frames*>(argument);
        if (++f.count > kMostFrames) return;
        char place[160];
        arch::describe_code(address, place, sizeof(place));
        TextBuffer<180> text;
        text.append("    %s", place);
        f.print(text.view(), f.context);
      },
      &frames);
}

}  // namespace

bool entry_frame(const Thread& thread, arch::TrapFrame& frame) {
  if (thread.runs() != Runs::kApplication || thread.was_on_cpu()) return false;
  const VirtAddr place = VirtAddr(thread.kernel_stack().top - sizeof(frame));
  // Through the copy that survives: the thread may end meanwhile.
  return arch::copy_or_fault(&frame, place.as<const void>(), sizeof(frame)) == 0 && frame.from_application();
}

Result<void> report_threads(Print print, void* context) {
  // Kept by references, since the list's lock is a spinlock.
  struct Gather {
    Vector<RefPtr<Thread>> threads;
    Result<void> outcome;
  } gather;
  for_each_thread(
      [](Thread& thread, void* argument) {
        auto& g = *static_cast<Gather*>(argument);
        if (g.outcome.ok()) g.outcome = g.threads.push_back(RefPtr<Thread>(&thread));
      },
      &gather);
  TRY(std::move(gather.outcome));
  for (const RefPtr<Thread>& thread : gather.threads) report(*thread, WithStacks::kYes, now(), print, context);
  return {};
}

void report_stopped_threads(WithStacks stacks, void (*print)(std::string_view line)) {
  struct Stopped {
    WithStacks stacks;
    void (*print)(std::string_view line);
    unsigned count = 0;
  } stopped{stacks, print};
  for_each_stopped_thread(
      [](Thread& thread, void* argument) {
        auto& s = *static_cast<Stopped*>(argument);
        if (++s.count > kMostStopped) return;
        report(thread, s.stacks, Instant::never(), [](std::string_view line, void* c) { static_cast<Stopped*>(c)->print(line); }, &s);
      },
      &stopped);
  if (stopped.count <= kMostStopped) return;
  Line line;
  line.append("and %u threads more", stopped.count - kMostStopped);
  print(line.view());
}

}  // namespace mokapot
