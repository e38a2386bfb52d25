// SPDX-License-Identifier: Apache-2.0
//
// The first seed of the kernel's random numbers, before any device is there.

#include "arch/cpu.h"
#include "arch/hardware_random.h"
#include "arch/msr.h"
#include "device/random.h"
#include "drivers/drivers.h"
#include "trace/log.h"

namespace mokapot {

void seed_random() {
  struct {
    std::uint64_t hardware[8];
    std::uint64_t jitter[64];
  } seed = {};
  bool complete = true;
  for (std::uint64_t& word : seed.hardware) complete &= arch::hardware_random(word);
  // How long an instruction that a hypervisor emulates takes differs from run to run.
  for (std::uint64_t& word : seed.jitter) {
    (void)arch::cpuid(0, 0);
    word = arch::cycle_counter();
  }
  add_entropy(&seed, sizeof(seed));
  if (!complete)
    LOG_WARNING("random: no RDSEED or RDRAND; until virtio-rng answers the seed is timing only");
}

}  // namespace mokapot
