// SPDX-License-Identifier: Apache-2.0
//
// Whether the JVM uses the archive of classes that its image was trained for. A JVM that rejects one goes on without,
// some without a word: this says so, once, to the launcher or on the serial port. The sign is what a rejection lacks:
// a mapping of the file. Thread context; blocks while the host does not read.
#pragma once

#include <string_view>

namespace mokapot {

// Boot. `path`: the archive's, which lives as long as the VM; "" for none.
void watch_archive(std::string_view path);

// Looks, unless that was said before or the JVM has not come up yet. Called where the program listens, and where it
// ends.
void look_at_archive();

}  // namespace mokapot
