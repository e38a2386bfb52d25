// SPDX-License-Identifier: Apache-2.0
//
// The launcher's records, as the kernel parses them, and the window size in them.
// sources: kernel/boot/configuration.cc

#include <cstdlib>

#include "boot/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mokapot;
  // SAFETY: bytes may be looked at as characters.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Result<Configuration> result = parse_configuration(text);
  if (result) {
    const Configuration& configuration = result.value();
    if (configuration.program.empty()) std::abort();
    for (const std::string_view argument : configuration.arguments) {
      if (argument.data() < text.data() || argument.data() + argument.size() > text.data() + size) std::abort();
    }
  }
  unsigned rows = 0, columns = 0;
  (void)parse_window_size(text, rows, columns);
  return 0;
}
