// SPDX-License-Identifier: Apache-2.0
#include "support/digest.h"

#include "support/command.h"
#include "support/files.h"

namespace moka {

Result<std::string> sha256_of_file(const std::string& path) {
  constexpr std::size_t kDigits = 64;
  const CommandOutcome outcome = run_command({"sha256sum", "--", path});
  // In front of the digest of a file with an odd name stands a backslash.
  const std::size_t start = outcome.output.starts_with('\\') ? 1 : 0;
  if (outcome.status != 0 || outcome.output.size() < start + kDigits)
    return Error{"cannot compute the digest of " + path + ": " + std::string(trim(outcome.output))};
  return outcome.output.substr(start, kDigits);
}

}  // namespace moka
