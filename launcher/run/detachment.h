// SPDX-License-Identifier: Apache-2.0
//
// -d: `moka run` goes on in a process of its own, in a session without a terminal, and the command
// ends once the program begins: with status 0 and the VM's name, or as `moka run` would have ended.
#pragma once

#include <optional>
#include <string>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class Detachment {
 public:
  // Forks. In the child this returns a Detachment to go on with; in the parent it waits, says the
  // name on standard output, and ends the process. Nothing, with errno set, where the host refuses.
  static std::optional<Detachment> detach();

  // Standard output and error go to the log from here on. Errors that keep the VM from starting are
  // for the one who waits.
  Result<void> redirect(const std::string& log_file);
  bool is_awaited() const { return static_cast<bool>(report_); }
  void say_error(const std::string& text) const;
  // False: nobody waits for the VM any more; it was cancelled.
  bool say_started(const std::string& name);

 private:
  Detachment(UniqueFd report, UniqueFd standard_error)
      : report_(std::move(report)), standard_error_(std::move(standard_error)) {}

  UniqueFd report_;
  UniqueFd standard_error_;  // the command's own
};

}  // namespace moka
