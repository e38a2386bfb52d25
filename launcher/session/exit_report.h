// SPDX-License-Identifier: Apache-2.0
//
// How a program ended and who ended it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "support/result.h"

namespace moka {

// The launcher's own verdicts. 125 and 2 are outside what a JVM gives by itself.
inline constexpr int kStatusBadInput = 2;
inline constexpr int kStatusVmFailed = 125;

struct ExitReport {
  enum class By { kApplication, kJvm, kKernel, kMoka };

  int status = 0;
  int signal = 0;  // 0 where no signal ended it
  By by = By::kApplication;
  std::string reason;

  // {"status":3,"by":"application","signal":0,"reason":""} and a newline.
  std::string json() const;
};

// The rest of the guest's line "exit status=N signal=N by=WHO reason=TEXT", behind the verb;
// nothing where it makes no sense.
std::optional<ExitReport> parse_exit_line(std::string_view text);

// A Java program that a fault or abort signal ended was ended by its JVM: Java code itself raises
// none of them.
void blame_jvm_for_crash(ExitReport& report);

}  // namespace moka
