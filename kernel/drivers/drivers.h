// SPDX-License-Identifier: Apache-2.0
//
// What boot calls of the drivers, in this order, with what must be there before:
//
//   initialise_serial()                 nothing but port I/O; serial_log_sink works from here on
//   discover_platform(hint, words)      frames, page tables
//   seed_random()                       nothing
//   initialise_interrupt_controllers()  interrupts off, traps wired, map_device
//   initialise_clocks(platform)         interrupts off; takes 4 ms at most; now() works then
//   start_cpu(cpu, page)                for each further CPU, and on that CPU, interrupts off:
//   initialise_cpu_local()
//   probe_devices(platform)             thread context; scheduler, timers, work queue running,
//                                       initialise_stream_ports() done
//   refine_clock()                      as late as can be before the vDSO's data is filled in
#pragma once

#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "drivers/platform.h"

namespace mokapot {

// Finds the 16550 at 0x3f8 and sets 115200 8N1; its interrupts stay off. Harmless where there is
// none.
void initialise_serial();
// Sink for trace/log.h: writes the line and ends it. Polled, any context; after a bounded wait for
// a CPU that is in the middle of a line it writes regardless, so that a panic always speaks.
void serial_log_sink(std::string_view line);

// Reads ACPI's tables. rsdp_hint is where the boot protocol says that the root pointer is; null:
// unknown, it is searched for in the firmware's area. The command line may name virtio-mmio
// devices. Without ACPI the machine has the CPU that runs this, and one IOAPIC at its usual
// address.
const Platform& discover_platform(PhysAddr rsdp_hint, std::string_view command_line);

// First seed of device/random.h from RDSEED or RDRAND and from jitter.
void seed_random();

// Masks the 8259s, turns on this CPU's local APIC (x2APIC where offered) and registers it and the
// IOAPICs with irq/. Panics where there is no local APIC: nothing could run preemptively.
void initialise_interrupt_controllers(const Platform& platform);

// Chooses the clock source and the timer, calibrates them, and sets the wall clock's base.
void initialise_clocks(const Platform& platform);
// Measures a TSC of unknown frequency again over all the time since initialise_clocks, which makes
// it some ten times more exact. now() stays continuous. Nothing to do for the other sources.
void refine_clock();

// Sends INIT and start-up interrupts: the CPU (index in platform.cpus) begins in real mode at
// physical address start_page, which is page aligned and below 1 MiB. Does not wait for it. Needs
// the clock.
void start_cpu(CpuId cpu, PhysAddr start_page);
// Turns on the calling CPU's local APIC, timer and paravirtual clock.
void initialise_cpu_local();

// Finds PCI and virtio devices and starts their drivers; registers disks, stream ports and the
// host's entropy. Blocks for what each device needs to answer, a second in all where one does not.
void probe_devices(const Platform& platform);

// Ends the VM. power_off is the orderly end. Any context.
[[noreturn]] void power_off();
[[noreturn]] void reset_machine();
// Ends QEMU with status (code << 1) | 1 where the launcher gave it a debug-exit port, else as
// power_off.
[[noreturn]] void debug_exit(unsigned code);

}  // namespace mokapot
