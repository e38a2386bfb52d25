// SPDX-License-Identifier: Apache-2.0
#include "trace/panic.h"

#include <atomic>
#include <cstdarg>

#include "arch/cpu.h"
#include "arch/traps.h"
#include "base/assert.h"
#include "base/format.h"
#include "contract/vm_contract.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constinit PanicHooks hooks{};
constinit std::atomic<std::uint32_t> panics{0};

void print(const char* line) {
  if (hooks.print != nullptr) hooks.print(line);
}

}  // namespace

void set_panic_hooks(const PanicHooks& new_hooks) { hooks = new_hooks; }
bool panicking() { return panics.load(std::memory_order_relaxed) != 0; }

void panic(const char* format, ...) {
  arch::interrupts_disable();
  const std::uint32_t nth = panics.fetch_add(1, std::memory_order_acq_rel);
  if (nth == 0) {
    set_log_sink(nullptr, LogLevel::kError);
    if (hooks.stop_other_cpus != nullptr) hooks.stop_other_cpus();
    char message[300];
    va_list arguments;
    va_start(arguments, format);
    format_to_v(message, sizeof(message), format, arguments);
    va_end(arguments);
    char line[360];
    format_to(line, sizeof(line), "%s%s", contract::kPanicPrefix, message);
    print(line);
    format_to(line, sizeof(line), "cpu %u", arch::current_cpu().index());
    print(line);
    // SAFETY: the kernel is built with frame pointers.
    arch::print_backtrace({VirtAddr(__builtin_return_address(0)), VirtAddr(__builtin_frame_address(0))},
                          arch::kAnyKernelStack, print);
    print("last lines of the log:");
    for_each_log_line([](std::string_view text) { hooks.print != nullptr ? hooks.print(text) : void(); });
    if (hooks.describe_threads != nullptr) hooks.describe_threads();
    format_to(line, sizeof(line), "%s%s", contract::kPanicPrefix, message);
    print(line);
  }
  // A second panic (a fault while reporting, or another CPU) goes straight to the end; nth > 1 just halts.
  if (nth <= 1 && hooks.end_vm != nullptr) hooks.end_vm();
  while (true) {
    arch::interrupts_disable();
    arch::halt_until_interrupt();
  }
}

}  // namespace mokapot
