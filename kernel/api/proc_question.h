// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of itself in /proc, for tools of the host: what the application may read there, the host may,
// too. Thread context; blocks.
#pragma once

#include <span>
#include <string_view>

#include "api/tool_stream.h"

namespace mokapot {

// Sends the files of /proc with those names ("meminfo", "net/dev"), each behind a line "== NAME". "" where all went
// well, or a sentence for the user.
std::string_view answer_from_proc(std::span<const std::string_view> names, ToolStream& stream);

}  // namespace mokapot
