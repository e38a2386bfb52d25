// SPDX-License-Identifier: Apache-2.0
//
// Who waits for a moment of the wall clock hears when that is set, by the application or to the host's time: its timers run
// by the monotonic clock, so they have to be armed anew. Slewing tells nobody: it moves the clock by 20 ms at most, and whoever
// finds that his moment has not come yet waits on.
//
// Lock: one spinlock (rank kWallClock, interrupts off) for the list; callbacks run under it.
#pragma once

#include "base/intrusive.h"

namespace mokapot {

class WallClockWatch {
 public:
  // Thread context, interrupts off; may take locks that rank higher.
  using Callback = void (*)(WallClockWatch& watch);
  explicit WallClockWatch(Callback callback) : callback_(callback) {}
  ~WallClockWatch() = default;  // must have ended
  WallClockWatch(const WallClockWatch&) = delete;
  WallClockWatch& operator=(const WallClockWatch&) = delete;

  // The owner's calls come one at a time. begin() before the moment is turned into one of the monotonic clock. Fine if it is begun, or ended, already.
  void begin();
  void end();  // the callback neither runs nor will run after that; without the lock where it never began

  ListHook hook;  // the list of watches

 private:
  friend void tell_wall_clock_watches();
  const Callback callback_;
  bool begun_ = false;  // the owner's
};

// After the clock has been set. Thread context, no lock of rank kWallClock or higher held.
void tell_wall_clock_watches();

}  // namespace mokapot
