// SPDX-License-Identifier: Apache-2.0
//
// Finds where in a program's text a system call can become direct, and proves that it may: the table that the kernel
// applies (contract/direct_calls.h).
//
// A site begins with the instruction that a jump replaces, five bytes long or more; straight-line instructions follow,
// and SYSCALL is the last. It is taken only if
//   * the function that it is in decodes without a gap from its beginning to its end, so that the site's instructions
//     are instructions;
//   * no direct branch anywhere in the text leads into the middle of the first instruction. (Branches to any other
//     instruction of it are harmless, since those stay. What an indirect branch leads to is the beginning of an
//     instruction, or the compiler's tables are not those of this text.);
//   * every instruction before the SYSCALL does at another address what it does at its own, once distances in it are
//     recomputed;
//   * it lies in one page.
// rt_sigreturn is left as it is, since unwinders know it by its bytes, and so are the calls that do not return.
#pragma once

#include <string>

#include "direct/program_text.h"

namespace moka {

// The table as the kernel wants it; "" where there is nothing to be done.
std::string direct_call_table(const ProgramText& text);

}  // namespace moka
