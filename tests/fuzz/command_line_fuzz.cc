// SPDX-License-Identifier: Apache-2.0
//
// The kernel's command line: what is found lies inside it, and a name that is there is found.
// sources: kernel/boot/multiboot.cc kernel/boot/boot_info.cc

#include <cstdlib>

#include "boot/boot_info.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mokapot;
  // SAFETY: bytes may be looked at as characters.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string_view name : {"mokapot.verbose", "mokapot.trace", "a", ""}) {
    const OptionValue option = command_line_option(text, name);
    if (option.has && !option.value.empty() &&
        (option.value.data() < text.data() || option.value.data() + option.value.size() > text.data() + size))
      std::abort();
  }
  return 0;
}
