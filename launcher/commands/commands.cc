// SPDX-License-Identifier: Apache-2.0
#include "commands/commands.h"

#include <cstdio>

namespace moka {

int complain(std::string_view message, int status) {
  std::fprintf(stderr, "moka: %.*s\n", static_cast<int>(message.size()), message.data());
  return status;
}

bool wants_help(const Words& words, const char* usage) {
  for (const std::string& word : words) {
    if (word == "--help" || word == "-h") {
      std::fputs(usage, stdout);
      return true;
    }
    if (word.empty() || word.front() != '-') return false;
  }
  return false;
}

}  // namespace moka
