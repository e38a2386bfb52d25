// SPDX-License-Identifier: Apache-2.0
//
// Chooses clock and timer. The ladder of clocks, best first:
//   1. the TSC, where it runs at one rate on all CPUs: the CPU says so, or the hypervisor is QEMU's
//   emulator,
//      whose TSC is one counter of the host. Its frequency comes from kvm-clock, from a
//      hypervisor's or the CPU's own CPUID leaf, or is measured;
//   2. kvm-clock, where the TSC differs from CPU to CPU;
//   3. HPET, PM timer, PIT.
// Only 1 can be read by the application itself, through the vDSO.
//
// Boot's one thread, interrupts off.

#include "arch/cpu.h"
#include "arch/msr.h"
#include "base/global.h"
#include "drivers/apic_timer.h"
#include "drivers/cmos_clock.h"
#include "drivers/counter_clock.h"
#include "drivers/drivers.h"
#include "drivers/kvm_clock.h"
#include "drivers/local_apic.h"
#include "drivers/reference_counter.h"
#include "drivers/tsc_clock.h"
#include "sync/spinlock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constinit Global<TscClock> tsc_clock;
constinit Global<KvmClock> kvm_clock;
constinit Global<CounterClock> counter_clock;
constinit Global<ApicTimer> apic_timer;

constinit ReferenceCounter reference;
constinit bool kvm_clock_runs = false;

// --- Measuring ---

// The reference, the TSC and the APIC's countdown at (nearly) one moment.
struct Sample {
  std::uint64_t tsc;
  std::uint64_t reference;
  std::uint32_t countdown;
  std::uint64_t width;  // TSC ticks within which the reference was read
};

Sample take_sample() {
  // The vCPU may be held up between two readings, so the tightest of a few tries is kept.
  constexpr int kTries = 8;
  Sample best{};
  std::uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = arch::ordered_cycle_counter();
    const std::uint64_t reading = reference.read();
    const std::uint64_t after = arch::ordered_cycle_counter();
    const std::uint32_t countdown = apic_timer_count();
    if (after - before >= best_width) continue;
    best_width = after - before;
    best = {before + (after - before) / 2, reading, countdown, after - before};
  }
  return best;
}

// What the first measurement found. Its window is short, since boot waits for its end: readings that are a microsecond
// late make the frequencies wrong by a part in a thousand, and the refinement makes good for that. How fast the two
// counters are beside each other is known better, as both are read at the processor.
struct Measured {
  std::uint64_t tsc_hz = 0;
  std::uint64_t countdown_hz = 0;
  std::uint64_t tsc_ticks = 0;       // that it lasted
  std::uint64_t doubtful_ticks = 0;  // by which that may be wrong
};
constinit Sample first_sample{};
constinit Measured measured{};  // tsc_hz is 0 where the TSC is not the clock, or its frequency was stated

// Lets the countdown run for a moment of the reference.
Measured measure() {
  const std::uint64_t window = reference.frequency / 1000;
  set_apic_timer_mode(ApicTimerMode::kMaskedOneShot);
  set_apic_timer_count(UINT32_MAX);
  first_sample = take_sample();
  while (((reference.read() - first_sample.reference) & reference.mask) < window) arch::relax();
  const Sample last = take_sample();
  set_apic_timer_count(0);
  const std::uint64_t ticks = (last.reference - first_sample.reference) & reference.mask;
  return {measured_frequency(last.tsc - first_sample.tsc, ticks, reference.frequency),
          measured_frequency(first_sample.countdown - last.countdown, ticks, reference.frequency),
          last.tsc - first_sample.tsc, first_sample.width + last.width};
}

// Where the only clock is one without a reference beside it (kvm-clock on a machine without
// timers).
std::uint64_t measure_countdown_by_clock() {
  set_apic_timer_mode(ApicTimerMode::kMaskedOneShot);
  const Instant begin = now();
  set_apic_timer_count(UINT32_MAX);
  while (now() - begin < Duration::milliseconds(2)) arch::relax();
  const std::uint32_t left = apic_timer_count();
  const Instant end = now();
  set_apic_timer_count(0);
  return measured_frequency(UINT32_MAX - left,
                            static_cast<std::uint64_t>((end - begin).nanoseconds()),
                            kNanosecondsPerSecond);
}

// --- What is known of the TSC ---

bool tsc_is_trusted() {
  constexpr std::uint32_t kPowerLeaf = 0x8000'0007;
  constexpr std::uint32_t kInvariant = 1u << 8;  // EDX
  const bool invariant = arch::cpuid(0x8000'0000, 0).eax >= kPowerLeaf &&
                         (arch::cpuid(kPowerLeaf, 0).edx & kInvariant) != 0;
  return invariant || arch::hypervisor_is(arch::kTcgSignature);
}

// 0 if nobody says.
std::uint64_t stated_tsc_frequency() {
  constexpr std::uint32_t kTimingLeaf =
      0x4000'0010;  // EAX: kHz, a convention of several hypervisors
  constexpr std::uint32_t kCrystalLeaf = 0x15;
  if (arch::hypervisor_leaf().eax >= kTimingLeaf) {
    if (const std::uint64_t khz = arch::cpuid(kTimingLeaf, 0).eax; khz != 0) return khz * 1000;
  }
  if (arch::cpuid(0, 0).eax >= kCrystalLeaf) {
    const arch::CpuidLeaf crystal = arch::cpuid(kCrystalLeaf, 0);
    if (crystal.eax != 0 && crystal.ebx != 0 && crystal.ecx != 0) {
      return std::uint64_t{crystal.ecx} * crystal.ebx / crystal.eax;
    }
  }
  return 0;
}

void use_tsc(ClockScale scale, std::uint64_t frequency, const char* origin) {
  set_clock_source(&tsc_clock.construct(scale, arch::ordered_cycle_counter()));
  LOG_INFO("clock: tsc, %llu.%03llu MHz by %s",
           static_cast<unsigned long long>(frequency / 1'000'000),
           static_cast<unsigned long long>(frequency / 1000 % 1000), origin);
}

// Chooses and starts the clock source. Returns how fast each CPU's TSC counts, for deadlines, 0 if
// nobody knows; and the countdown's frequency if that was measured on the way.
std::uint64_t choose_clock_source(const Platform& platform, std::uint64_t& countdown_hz) {
  const bool trusted = tsc_is_trusted();
  kvm_clock_runs = start_kvm_clock();
  if (kvm_clock_runs) {
    const KvmTimeInfo info = kvm_time_info();
    ClockScale scale;
    if (trusted && (info.flags & kKvmTscStable) != 0 && kvm_scale(info, scale)) {
      use_tsc(scale, kvm_tsc_frequency(info), "kvm-clock");
      return kvm_tsc_frequency(info);
    }
  } else if (const std::uint64_t stated = stated_tsc_frequency(); trusted && stated != 0) {
    use_tsc(make_scale(stated, kNanosecondsPerSecond), stated, "CPUID");
    return stated;
  }
  reference = find_reference_counter(platform);
  if (reference.valid()) {
    const Measured found = measure();
    countdown_hz = found.countdown_hz;
    if (trusted && found.tsc_hz != 0) {
      measured = found;
      use_tsc(make_scale(found.tsc_hz, kNanosecondsPerSecond), found.tsc_hz, reference.name);
      return found.tsc_hz;
    }
  }
  std::uint64_t tsc_hz = 0;
  if (kvm_clock_runs) {
    set_clock_source(&kvm_clock.construct());
    // CPUs' counters may disagree on the time and still agree on how long a second is.
    tsc_hz = kvm_tsc_frequency(kvm_time_info());
  } else if (reference.valid()) {
    set_clock_source(&counter_clock.construct(reference));
  } else {
    panic("no clock: neither a TSC of known frequency, nor kvm-clock, HPET, PM timer or PIT");
  }
  LOG_INFO("clock: %s", clock_source().name());
  return tsc_hz;
}

void set_wall_clock(const Platform& platform) {
  if (kvm_clock_runs) {
    const InterruptGuard guard;
    const auto since =
        static_cast<std::int64_t>(kvm_nanoseconds(kvm_time_info(), arch::ordered_cycle_counter()));
    set_wall_clock_base(kvm_wall_clock() + since - now().nanoseconds());
    return;
  }
  const auto seconds = read_cmos_clock(platform);
  if (!seconds) {
    LOG_WARNING("clock: no CMOS clock; the date begins at 1970");
    return;
  }
  // The clock tells whole seconds: on average half a one has passed since.
  constexpr auto kSecond = static_cast<std::int64_t>(kNanosecondsPerSecond);
  set_wall_clock_base(*seconds * kSecond + kSecond / 2 - now().nanoseconds());
}

}  // namespace

void initialise_clocks(const Platform& platform) {
  std::uint64_t countdown_hz = 0;
  const std::uint64_t tsc_hz = choose_clock_source(platform, countdown_hz);
  if (tsc_hz != 0 && cpu_has_tsc_deadline()) {
    apic_timer.construct(ApicTimer::TscDeadline{tsc_hz});
  } else {
    if (countdown_hz == 0) countdown_hz = measure_countdown_by_clock();
    if (countdown_hz == 0) panic("the local APIC's timer does not count");
    apic_timer.construct(countdown_hz);
  }
  LOG_INFO("timer: %s", apic_timer->name());
  set_clock_event(&apic_timer.get());
  apic_timer->initialise_cpu();
  set_wall_clock(platform);
}

void refine_clock() {
  if (counter_clock.constructed()) counter_clock->keep_alive();
  if (measured.tsc_hz == 0) return;
  const InterruptGuard guard;
  const Sample last = take_sample();
  // The first measurement says how often the reference has wrapped around since, unless boot has taken so long that what
  // it may be wrong by comes to half a turn: then nothing better is known.
  const ClockScale to_reference = make_scale(measured.tsc_hz, reference.frequency);
  const std::uint64_t estimate = to_reference.apply(last.tsc - first_sample.tsc);
  if (measured_frequency(estimate, measured.tsc_ticks, measured.doubtful_ticks) > reference.mask / 2) return;
  const std::uint64_t ticks =
      unwrapped(last.reference - first_sample.reference, reference.mask, estimate);
  const std::uint64_t frequency =
      measured_frequency(last.tsc - first_sample.tsc, ticks, reference.frequency);
  if (frequency == 0) return;
  tsc_clock->refine(make_scale(frequency, kNanosecondsPerSecond));
  const std::uint64_t countdown_hz = measured_frequency(measured.countdown_hz, measured.tsc_hz, frequency);
  apic_timer->refine(cpu_has_tsc_deadline() ? frequency : countdown_hz);
  LOG_INFO("clock: tsc refined to %llu.%03llu MHz",
           static_cast<unsigned long long>(frequency / 1'000'000),
           static_cast<unsigned long long>(frequency / 1000 % 1000));
}

void initialise_cpu_local() {
  enable_local_apic();
  start_kvm_clock_on_this_cpu();
  apic_timer->initialise_cpu();
}

}  // namespace mokapot
