// SPDX-License-Identifier: Apache-2.0
//
// The tool `connect`: a TCP connection from inside the VM to a port of its own loopback, so that whoever holds the
// tools port can ask a server that no network leads to. Thread context; blocks.
#pragma once

#include <span>
#include <string_view>

#include "api/tool_stream.h"

namespace mokapot {

// words: the port in decimal, and what is sent. Relays all that comes back. "" where all went well, or a sentence for
// the user. Returns early once the stream is cancelled.
std::string_view connect_to_loopback(std::span<const std::string_view> words, ToolStream& stream);

}  // namespace mokapot
