// SPDX-License-Identifier: Apache-2.0
//
// The machine code of a program file and where its functions lie, by what the file says for debuggers and unwinders:
// the table of .eh_frame_hdr, which stripped files have, too, and the symbols of functions where there are no such
// tables (musl). The file is untrusted: what does not fit is left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/result.h"

namespace moka {

struct ProgramText {
  struct Function {
    std::uint64_t begin = 0, end = 0;  // addresses
  };

  // Of the first executable segment: in the file, and as the file's addresses count. Both begin at the segment's
  // page.
  std::uint64_t offset = 0;
  std::uint64_t address = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<Function> functions;  // ascending, apart, inside the segment

  // Fails where the file is not a program for x86-64 with text that is worth a look.
  static Result<ProgramText> read(const std::string& path);
};

}  // namespace moka
