// SPDX-License-Identifier: Apache-2.0
//
// Linux's ioctl numbers and structures for terminals, and FIONREAD, which other files answer too.
#pragma once

#include <cstdint>

namespace mokapot {

inline constexpr std::uint32_t kTcgets = 0x5401, kTcsets = 0x5402, kTcsetsw = 0x5403, kTcsetsf = 0x5404;
inline constexpr std::uint32_t kTcflush = 0x540b, kTcsbrk = 0x5409, kTcxonc = 0x540a, kTcsbrkp = 0x5425;
inline constexpr std::uint32_t kTiocsctty = 0x540e, kTiocgpgrp = 0x540f, kTiocspgrp = 0x5410;
inline constexpr std::uint32_t kTiocoutq = 0x5411, kTiocgwinsz = 0x5413, kTiocswinsz = 0x5414;
inline constexpr std::uint32_t kFionread = 0x541b, kFionbio = 0x5421, kTiocgsid = 0x5429;
inline constexpr std::uint32_t kTcgets2 = 0x802c542a, kTcsets2 = 0x402c542b, kTcsetsw2 = 0x402c542c;
inline constexpr std::uint32_t kTcsetsf2 = 0x402c542d;
inline constexpr std::uint32_t kFionclex = 0x5450, kFioclex = 0x5451, kFioasync = 0x5452;
inline constexpr std::uint32_t kFiqsize = 0x5460, kFigetbsz = 2, kFibmap = 1;

// struct termios as TCGETS has it (not the C library's).
struct Termios {
  std::uint32_t input_flags = 0, output_flags = 0, control_flags = 0, local_flags = 0;
  std::uint8_t line = 0;
  std::uint8_t control_characters[19] = {};
};
static_assert(sizeof(Termios) == 36);

// struct termios2: with speeds.
struct Termios2 {
  Termios base;
  std::uint32_t input_speed = 38400, output_speed = 38400;
};
static_assert(sizeof(Termios2) == 44);

inline constexpr std::uint32_t kLocalCanonical = 0000002;  // ICANON
inline constexpr unsigned kCharacterEnd = 4, kCharacterMinimum = 6, kCharacterTime = 5;  // VEOF, VMIN, VTIME
inline constexpr unsigned kCharacterEndOfLine = 11, kCharacterEndOfLine2 = 16;           // VEOL, VEOL2

struct WindowSize {
  std::uint16_t rows = 0, columns = 0, width = 0, height = 0;
};
static_assert(sizeof(WindowSize) == 8);

}  // namespace mokapot
