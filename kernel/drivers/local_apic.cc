// SPDX-License-Identifier: Apache-2.0

#include "drivers/local_apic.h"

#include <atomic>

#include "arch/cpu.h"
#include "arch/msr.h"
#include "base/assert.h"
#include "drivers/drivers.h"
#include "drivers/mmio.h"
#include "drivers/xapic_command.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

// Registers by their xAPIC offset; in x2APIC mode register r is MSR 0x800 + r / 16.
enum Register : std::uint32_t {
  kTaskPriority = 0x80,
  kEndOfInterrupt = 0xb0,
  kSpurious = 0xf0,
  kErrorStatus = 0x280,
  kCommand = XapicCommand::kLow,
  kTimerEntry = 0x320,
  kThermalEntry = 0x330,
  kPerformanceEntry = 0x340,
  kLint0Entry = 0x350,
  kLint1Entry = 0x360,
  kErrorEntry = 0x370,
  kTimerInitial = 0x380,
  kTimerCurrent = 0x390,
  kTimerDivide = 0x3e0,
  kVersion = 0x30,
};

constexpr std::uint32_t kApicBaseMsr = 0x1b;
constexpr std::uint64_t kApicBaseEnable = 1u << 11;
constexpr std::uint64_t kApicBaseX2 = 1u << 10;
constexpr std::uint32_t kX2MsrBase = 0x800;

constexpr std::uint32_t kSoftwareEnable = 1u << 8;
constexpr std::uint32_t kEntryMasked = 1u << 16;
constexpr std::uint32_t kEntryTscDeadline = 2u << 17;
constexpr std::uint32_t kEntryNmi = 4u << 8;
constexpr std::uint32_t kDivideBy16 = 0x3;

constexpr std::uint32_t kCommandPending = 1u << 12;  // xAPIC only
constexpr std::uint32_t kCommandAssert = 1u << 14;
constexpr std::uint32_t kCommandInit = 5u << 8;
constexpr std::uint32_t kCommandStartUp = 6u << 8;
constexpr std::uint32_t kCommandAllButSelf = XapicCommand::kShorthand;

constinit bool x2apic = false;
// A hypervisor has delivered a command when the write of it ends. Each access to a register leaves the guest, and under
// QEMU's TCG passes through a lock that all devices share, so none is made for nothing.
constinit bool delivers_at_once = false;
constinit Mmio registers;
constinit std::uint32_t apic_ids[kMaxCpus] = {};
constinit XapicCommand commands[kMaxCpus];  // each CPU's own

std::uint32_t read(Register reg) {
  if (x2apic) return static_cast<std::uint32_t>(arch::read_msr(kX2MsrBase + (reg >> 4)));
  return registers.read32(reg);
}
void write(Register reg, std::uint32_t value) {
  if (x2apic)
    arch::write_msr(kX2MsrBase + (reg >> 4), value);
  else
    registers.write32(reg, value);
}

void send_command(std::uint32_t apic_id, std::uint32_t command) {
  // The receiver must see what was stored before: x2APIC's register writes do not wait for stores.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (x2apic) {
    arch::write_msr(kX2MsrBase + (kCommand >> 4), (std::uint64_t{apic_id} << 32) | command);
    return;
  }
  const InterruptGuard guard;  // an interrupt that sends too would replace the destination
  while (!delivers_at_once && (registers.read32(kCommand) & kCommandPending) != 0) arch::relax();
  commands[arch::current_cpu().index()].send(registers, apic_id, command);
}

class LocalApic final : public CpuInterruptController {
 public:
  void end_of_interrupt() override { write(kEndOfInterrupt, 0); }
  void send_to_cpu(CpuId cpu, InterruptVector vector) override {
    send_command(apic_ids[cpu.index()], kCommandAssert | vector);
  }
  void send_to_others(InterruptVector vector) override {
    send_command(0, kCommandAllButSelf | kCommandAssert | vector);
  }
  Message message_for(CpuId cpu, InterruptVector vector) override {
    // Eight bits of destination; boot's CPU, where devices are sent, always fits.
    return {0xfee0'0000 | (std::uint64_t{apic_ids[cpu.index()] & 0xff} << 12), vector};
  }
};
constinit LocalApic local_apic;

void busy_wait(Duration duration) {
  const Instant end = now() + duration;
  while (now() < end) arch::relax();
}

}  // namespace

void set_apic_timer_mode(ApicTimerMode mode) {
  std::uint32_t entry = kTimerVector;
  if (mode == ApicTimerMode::kMaskedOneShot) entry |= kEntryMasked;
  if (mode == ApicTimerMode::kTscDeadline) entry |= kEntryTscDeadline;
  write(kTimerDivide, kDivideBy16);
  write(kTimerEntry, entry);
  // The deadline register is an MSR: without a fence it could be written before the mode above
  // takes effect through memory, and be lost.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
void set_apic_timer_count(std::uint32_t count) { write(kTimerInitial, count); }
std::uint32_t apic_timer_count() { return read(kTimerCurrent); }

void enable_local_apic() {
  std::uint64_t base = arch::read_msr(kApicBaseMsr) | kApicBaseEnable;
  arch::write_msr(kApicBaseMsr, base);
  if (x2apic)
    arch::write_msr(kApicBaseMsr, base | kApicBaseX2);  // only ever from the enabled xAPIC mode
  write(kTaskPriority, 0);
  // All local sources off, but the NMI pin, which firmware wires to LINT1.
  write(kTimerEntry, kEntryMasked | kTimerVector);
  const std::uint32_t last_entry = (read(kVersion) >> 16) & 0xff;
  if (last_entry >= 4) write(kPerformanceEntry, kEntryMasked);
  if (last_entry >= 5) write(kThermalEntry, kEntryMasked);
  write(kLint0Entry, kEntryMasked);
  write(kLint1Entry, kEntryNmi);
  if (last_entry >= 3) write(kErrorEntry, kEntryMasked | kSpuriousVector);
  write(kErrorStatus, 0);
  write(kSpurious, kSoftwareEnable | kSpuriousVector);
  write(kEndOfInterrupt, 0);  // of anything that firmware left in service
}

void initialise_local_apic(const Platform& platform) {
  constexpr std::uint32_t kHasApic = 1u << 9;     // leaf 1, EDX
  constexpr std::uint32_t kHasX2Apic = 1u << 21;  // leaf 1, ECX
  constexpr std::uint32_t kHasHypervisor = 1u << 31;  // leaf 1, ECX
  const arch::CpuidLeaf features = arch::cpuid(1, 0);
  if ((features.edx & kHasApic) == 0)
    panic("this CPU has no local APIC, and the kernel needs its timer");
  for (std::size_t i = 0; i < platform.cpus.size(); ++i) apic_ids[i] = platform.cpus[i].apic_id;
  x2apic = (features.ecx & kHasX2Apic) != 0;
  delivers_at_once = (features.ecx & kHasHypervisor) != 0;
  if (!x2apic) {
    constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
    const PhysAddr address(arch::read_msr(kApicBaseMsr) & kAddressMask);
    auto window = Mmio::map(address, kPageSize);
    if (!window.ok()) panic("no memory to map the local APIC");
    registers = window.take();
  }
  enable_local_apic();
  set_cpu_interrupt_controller(&local_apic);
  LOG_INFO("apic: %s, boot CPU has id %u", x2apic ? "x2APIC" : "xAPIC", apic_ids[0]);
}

void start_cpu(CpuId cpu, PhysAddr start_page) {
  ASSERT(cpu.index() < kMaxCpus && start_page.is_page_aligned() && start_page.value() < 0x10'0000);
  const std::uint32_t id = apic_ids[cpu.index()];
  const auto page = static_cast<std::uint32_t>(start_page.page_number());
  // The delays are Intel's, but for the 10 ms after INIT, which no processor of the last decades
  // needs.
  send_command(id, kCommandInit | kCommandAssert);
  busy_wait(Duration::microseconds(200));
  send_command(id, kCommandStartUp | kCommandAssert | page);
  busy_wait(Duration::microseconds(200));
  send_command(id, kCommandStartUp | kCommandAssert | page);  // ignored by a CPU that runs already
}

}  // namespace mokapot
