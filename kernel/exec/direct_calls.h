// SPDX-License-Identifier: Apache-2.0
//
// Direct calls: SYSCALL instructions of mapped program files become jumps to trampolines near them, where the image
// has a table of the file's sites that moka made (contract/direct_calls.h). See docs/concepts/direct-calls.md.
//
// Lock: a spinlock (rank kTask) on the list of modules, for leave_trampoline. Thread context.
#pragma once

#include <cstdint>

#include "arch/trap_frame.h"
#include "base/types.h"
#include "io/file.h"

namespace mokapot {

// Boot; off until then, and where the user does not want them.
void allow_direct_calls();

// `size` bytes of the file, from `offset` on, have been mapped at `place`, private and executable. Where there is no
// table, or a bad one, or no memory or place, nothing happens: system calls work all the same.
void install_direct_calls(File& file, VirtAddr place, std::uint64_t size, std::uint64_t offset);

// If the application is in a trampoline, puts it where it would be in its own text: the original instructions are
// still there, and are what signals and debuggers are to see. For frames that somebody looks into.
void leave_trampoline(arch::TrapFrame& frame);

// Whether the application has come to a trampoline, by the jump that its own text does not have, and done nothing there.
bool enters_trampoline(const arch::TrapFrame& frame);

}  // namespace mokapot
