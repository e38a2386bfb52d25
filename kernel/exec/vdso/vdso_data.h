// SPDX-License-Identifier: Apache-2.0
//
// The page below the vDSO's code that tells it how to read the clock. C, since the vDSO is.
#ifndef MOKAPOT_EXEC_VDSO_DATA_H
#define MOKAPOT_EXEC_VDSO_DATA_H

#include <stdint.h>

struct vdso_data {
  uint32_t sequence;         // odd while being written
  uint32_t tsc_usable;       // 0: clocks go through system calls
  uint64_t tsc_base;         // monotonic = base_nanoseconds + ((tsc - tsc_base) * multiplier >> shift)
  int64_t base_nanoseconds;
  uint32_t multiplier;
  uint32_t shift;
  int64_t wall_base;         // Unix time at monotonic 0, nanoseconds
  int64_t slew_begin;        // time/clock.h: WallClockState
  int64_t slew_end;
  uint32_t slew_shift;
  uint32_t slew_backwards;
};

#endif
