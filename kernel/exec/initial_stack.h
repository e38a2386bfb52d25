// SPDX-License-Identifier: Apache-2.0
//
// The stack that a program finds: argc, argv, envp, auxiliary vector, and above them the strings.
// System V ABI for x86-64, 3.4.1.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

struct ProgramRequest;

// Linux's AT_ numbers.
enum class AuxiliaryKey : std::uint64_t {
  kEnd = 0, kProgramHeaders = 3, kProgramHeaderSize = 4, kProgramHeaderCount = 5, kPageBytes = 6, kInterpreterBase = 7,
  kFlags = 8, kEntry = 9, kUser = 11, kEffectiveUser = 12, kGroup = 13, kEffectiveGroup = 14, kPlatform = 15,
  kHardwareCapabilities = 16, kClockTicks = 17, kSecure = 23, kRandom = 25, kHardwareCapabilities2 = 26,
  kRseqFeatureSize = 27, kRseqAlignment = 28, kExecutableName = 31, kVdso = 33, kMinimumSignalStack = 51,
};

class InitialStack {
 public:
  explicit InitialStack(VirtAddr top) : stack_pointer(top) {}
  void add(AuxiliaryKey key, std::uint64_t value);
  // Writes everything (and the entries for random bytes, platform and file name); kE2BIG, kEFAULT.
  Result<void> write(const ProgramRequest& request);
  std::span<const std::uint64_t> auxiliary_vector() const { return {auxiliary_, auxiliary_count_}; }

  VirtAddr stack_pointer;  // after write(): of the first instruction
  VirtAddr argument_begin, argument_end, environment_begin, environment_end;

 private:
  Result<VirtAddr> push_string(std::string_view text);

  static constexpr std::size_t kMostWords = 64;
  std::uint64_t auxiliary_[kMostWords] = {};
  std::size_t auxiliary_count_ = 0;
};

}  // namespace mokapot
