// SPDX-License-Identifier: Apache-2.0
//
// Where threads are: /proc/<pid>/{stack,syscall,wchan}, and /proc/mokapot/threads, which has them all.

#include <string_view>

#include "arch/traps.h"
#include "linux/proc_nodes_internal.h"
#include "linux/thread_report.h"

namespace mokapot::proc_nodes {
namespace {

constexpr std::size_t kPlaceSize = 160;

}  // namespace

// "running", or number, arguments, stack pointer and instruction; -1 where the thread is in no system call.
Result<void> print_system_call(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  arch::TrapFrame frame;
  if (current_is_task() && task.get() == &current_task()) {
    frame = arch::current_application_frame();
  } else if (task->state() != ThreadState::kBlocked || !entry_frame(*task, frame)) {
    out.print("running\n");
    return {};
  }
  if (!frame.is_syscall()) {
    out.print("-1 %#lx %#lx\n", frame.stack_pointer().value(), frame.instruction_pointer().value());
    return {};
  }
  out.print("%lu", frame.syscall_number());
  for (int i = 0; i < 6; ++i) out.print(" 0x%lx", frame.syscall_argument(i));
  out.print(" %#lx %#lx\n", frame.stack_pointer().value(), frame.instruction_pointer().value());
  return {};
}

Result<void> print_kernel_stack(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  if (task->was_on_cpu()) return {};  // its saved place is an old one
  arch::walk_stack(
      task->parked_position(), task->kernel_stack(),
      [](VirtAddr address, void* sink) {
        char place[kPlaceSize];
        arch::describe_code(address, place, sizeof place);
        static_cast<TextSink*>(sink)->print("[<0>] %s\n", place);
      },
      &out);
  return {};
}

// The function that waits, below those of the scheduler; 0 for a thread that does not.
Result<void> print_wait_channel(TextSink& out, PseudoContext context) {
  RefPtr<Task> task = TRY(task_of(context));
  struct Search {
    char place[kPlaceSize] = "0";
    bool found = false;
  } search;
  if (task->state() == ThreadState::kBlocked) {
    arch::walk_stack(
        task->parked_position(), task->kernel_stack(),
        [](VirtAddr address, void* argument) {
          auto& s = *static_cast<Search*>(argument);
          if (s.found) return;
          arch::describe_code(address, s.place, sizeof s.place);
          s.found = std::string_view(s.place).find("Scheduler::") == std::string_view::npos;
        },
        &search);
  }
  const std::string_view place = search.place;
  out.write(place.substr(0, place.find_first_of("(+")));
  return {};
}

Result<void> print_all_threads(TextSink& out, PseudoContext) {
  return report_threads(
      [](std::string_view line, void* sink) {
        static_cast<TextSink*>(sink)->print("%.*s\n", static_cast<int>(line.size()), line.data());
      },
      &out);
}

}  // namespace mokapot::proc_nodes
