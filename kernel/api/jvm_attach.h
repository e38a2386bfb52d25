// SPDX-License-Identifier: Apache-2.0
//
// HotSpot's attach mechanism from the client's side, as jcmd and jstack speak it (attachListener_posix.cpp): a JVM that
// finds /tmp/.attach_pidN when it is sent SIGQUIT listens at /tmp/.java_pidN from then on; a question is "1", the
// operation and three arguments, each ended by NUL; the answer is a number, a newline and text, up to the connection's end.
//
// Lock: a mutex (rank kProcess) lets one caller at a time wake the listener. Thread context; blocks.
#pragma once

#include <span>
#include <string_view>

#include "api/tool_stream.h"

namespace mokapot {

void initialise_jvm_attach();  // boot

// Asks the JVM and relays its whole answer. words: the operation, then at most three arguments. "" where all went
// well, or a sentence for the user. Returns early once the stream is cancelled.
std::string_view attach_to_jvm(std::span<const std::string_view> words, ToolStream& stream);

}  // namespace mokapot
