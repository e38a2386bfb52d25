// SPDX-License-Identifier: Apache-2.0
#include "time/wall_clock_watch.h"

#include <utility>

#include "base/global.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

using Watches = IntrusiveList<WallClockWatch, &WallClockWatch::hook>;

constinit SpinLock lock{LockRank::kWallClock};
constinit Global<Watches> watches GUARDED_BY(lock);

}  // namespace

void WallClockWatch::begin() {
  begun_ = true;
  IrqSpinGuard guard(lock);
  if (!watches.constructed()) watches.construct();
  if (!hook.is_linked()) watches->push_back(*this);
}

void WallClockWatch::end() {
  if (!std::exchange(begun_, false)) return;
  IrqSpinGuard guard(lock);
  if (hook.is_linked()) watches->erase(watches->iterator_to(*this));
}

void tell_wall_clock_watches() {
  IrqSpinGuard guard(lock);
  if (!watches.constructed()) return;
  for (WallClockWatch& watch : *watches) watch.callback_(watch);
}

}  // namespace mokapot
