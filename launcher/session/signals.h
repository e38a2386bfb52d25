// SPDX-License-Identifier: Apache-2.0
//
// Signals to the launcher as data in its poll loop, and a tick each second. A signal that was
// ignored when the launcher started (nohup, a shell's background job) stays ignored, as java leaves
// it.
#pragma once

#include <csignal>
#include <vector>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class HostSignals {
 public:
  // Blocks the signals for this process until the object is gone. Children must unblock them.
  static Result<HostSignals> take_over();
  HostSignals(HostSignals&&) = default;
  HostSignals& operator=(HostSignals&&) = delete;
  ~HostSignals();

  int signal_fd() const { return signals_.get(); }
  int tick_fd() const { return ticks_.get(); }

  std::vector<int> take_signals();
  // Whether at least one second's tick has come; several that were missed count as one.
  bool take_tick();

  // Stops this process as the shell's Ctrl-Z does; returns when it is continued.
  void stop_self();

 private:
  HostSignals() = default;
  UniqueFd signals_;
  UniqueFd ticks_;
  sigset_t before_{};
};

}  // namespace moka
