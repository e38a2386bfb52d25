// SPDX-License-Identifier: Apache-2.0
//
// Decides when a VM has stopped answering. Every kPingInterval the kernel is asked; a thread of
// its own answers, whatever the application does. Time is counted in ticks of the launcher's own
// loop and not by the clock, so that a host that was suspended, or that starved launcher and VM
// alike, does not look like a VM that hangs. A VM that gets hardly any processor is given four
// times as long.
#pragma once

namespace moka {

class Watchdog {
 public:
  static constexpr int kPingInterval = 5;  // ticks, of one second each
  static constexpr int kPatience = 30;     // ticks without an answer
  static constexpr int kPatienceStarved = 120;
  // Processor time within kPatience that shows that the VM was able to run.
  static constexpr long kRanMilliseconds = 10000;
  // A VM that is idle used so little that it was not waiting for a processor either.
  static constexpr long kIdleMilliseconds = 500;

  enum class Advice { kNothing, kPing, kHung };

  // One tick; `cpu_milliseconds` is what the VM has used since its start.
  Advice tick(long cpu_milliseconds);
  // Any sign of life from the kernel.
  void answered();
  // Off while the VM is paused or waits for a debugger.
  void set_enabled(bool enabled);

 private:
  bool is_enabled_ = true;
  bool is_waiting_ = false;
  int ticks_ = 0;  // since the last answer, or since the unanswered ping
  long cpu_at_ping_ = 0;
};

}  // namespace moka
