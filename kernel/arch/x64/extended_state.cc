// SPDX-License-Identifier: Apache-2.0
//
// The application's vector state: XSAVE areas in the standard format (that is what signal frames carry).
// Enabled: every user component that the CPU has, but AMX (17, 18) and protection keys (9), which the
// kernel does not manage. CPUs without XSAVE use FXSAVE; their areas are 512 bytes.
// Intel SDM vol. 1, chapter 13.
#include "arch/extended_state.h"

#include <cstring>

#include "arch/context.h"
#include "arch/memory_copy.h"
#include "arch/msr.h"
#include "arch/x64/cpu_setup.h"

namespace mokapot::arch {
namespace {

constexpr std::uint64_t kComponents = 0xff & ~std::uint64_t{0x18};  // x87 SSE AVX, AVX-512's three; no MPX

// Constant after the boot CPU's set-up.
constinit std::uint64_t enabled_components = 0;
constinit std::size_t area_size = 512;
constexpr std::size_t kLegacySize = 512, kHeaderSize = 64;
// No component present: loading any one from here makes it what it is after reset. MXCSR is read all the same.
struct alignas(64) InitialState {
  std::uint8_t before_mxcsr[24] = {};
  std::uint32_t mxcsr = 0x1f80;
  std::uint8_t rest[kLegacySize + kHeaderSize - 28] = {};
};
constexpr InitialState initial_state;
constinit bool has_xsave = false;
constinit bool has_xsaveopt = false;
constinit bool is_xsave_forgone = false;  // set before another CPU runs

}  // namespace

bool manages_xsave() { return !is_xsave_forgone && (cpuid(1, 0).ecx & (1u << 26)) != 0; }

void initialise_extended_state_on_this_cpu() {
  if (!manages_xsave()) return;
  const CpuidLeaf leaf = cpuid(0xd, 0);
  const std::uint64_t supported = (std::uint64_t{leaf.edx} << 32) | leaf.eax;
  const std::uint64_t wanted = supported & kComponents;
  // SAFETY: XCR0 with components that CPUID offers; x87 and SSE are always among them.
  asm volatile("xsetbv" : : "a"(static_cast<std::uint32_t>(wanted)), "d"(static_cast<std::uint32_t>(wanted >> 32)), "c"(0));
  if (has_xsave) return;
  enabled_components = wanted;
  area_size = cpuid(0xd, 0).ebx;  // for what is enabled now
  area_size = (area_size + 63) & ~std::size_t{63};
  has_xsaveopt = (cpuid(0xd, 1).eax & 1) != 0;
  has_xsave = true;
}

void forgo_xsave() {
  if (!has_xsave) return;
  is_xsave_forgone = true;
  has_xsave = has_xsaveopt = false;
  enabled_components = 0;
  area_size = 512;
  std::uint64_t cr4;
  // SAFETY: nothing uses XSAVE any more. CPUID reports the bit, and so tells programs that AVX is not theirs.
  asm volatile("movq %%cr4, %0" : "=r"(cr4));
  asm volatile("movq %0, %%cr4" : : "r"(cr4 & ~kCr4Xsave) : "memory");
}

std::size_t extended_state_size() { return area_size; }
std::uint64_t extended_state_components() { return enabled_components; }

void initialise_extended_state(void* area) {
  std::memset(area, 0, area_size);
  auto* bytes = static_cast<std::uint8_t*>(area);
  const std::uint16_t control = 0x37f;   // x87: all exceptions masked, extended precision
  const std::uint32_t mxcsr = 0x1f80;    // SSE: all exceptions masked
  std::memcpy(bytes, &control, sizeof(control));
  std::memcpy(bytes + 24, &mxcsr, sizeof(mxcsr));
}

// SAFETY (below): area is 64-byte aligned and extended_state_size() long; the mask names enabled components.
void save_extended_state(void* area) {
  const auto low = static_cast<std::uint32_t>(enabled_components);
  const auto high = static_cast<std::uint32_t>(enabled_components >> 32);
  if (has_xsaveopt) asm volatile("xsaveopt64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
  else if (has_xsave) asm volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
  else asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void restore_extended_state(const void* area) {
  const auto low = static_cast<std::uint32_t>(enabled_components);
  const auto high = static_cast<std::uint32_t>(enabled_components >> 32);
  if (has_xsave) asm volatile("xrstor64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
  else asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

// An instruction on application memory that may fault: 1 or, by way of the exception table, 0.
#define OR_FAULT(instruction)                                   \
  "movl $1, %0\n1: " instruction "\n2:\n"                      \
  ".pushsection .text.cold\n3: xorl %0, %0\n jmp 2b\n.popsection\n" \
  ".pushsection .exception_table, \"a\"\n.balign 4\n.long 1b - .\n.long 3b - .\n.popsection"

bool save_extended_state_to_application(VirtAddr area) {
  int done = 0;
  auto* memory = area.as<std::uint8_t>();
  if (!has_xsave) {
    asm volatile(OR_FAULT("fxsave64 (%1)") : "=&r"(done) : "r"(memory) : "memory");
    return done != 0;
  }
  // XSAVE writes of the header only what it saved; XRSTOR wants the rest of it to be zero.
  if (clear_or_fault(memory + kLegacySize, kHeaderSize) != 0) return false;
  const auto low = static_cast<std::uint32_t>(enabled_components);
  const auto high = static_cast<std::uint32_t>(enabled_components >> 32);
  asm volatile(OR_FAULT("xsave64 (%1)") : "=&r"(done) : "r"(memory), "a"(low), "d"(high) : "memory");
  return done != 0;
}

bool load_extended_state_from_application(VirtAddr area, ExtendedStateForm form) {
  int done = 0;
  const auto* memory = area.as<const std::uint8_t>();
  const auto low = static_cast<std::uint32_t>(enabled_components);
  const auto high = static_cast<std::uint32_t>(enabled_components >> 32);
  // Bad headers and reserved bits of MXCSR are general-protection faults, which the table catches too.
  if (has_xsave && form == ExtendedStateForm::kWhole) {
    asm volatile(OR_FAULT("xrstor64 (%1)") : "=&r"(done) : "r"(memory), "a"(low), "d"(high) : "memory");
    return done != 0;
  }
  if (has_xsave) {
    static constexpr std::uint32_t kX87AndSse = 3;
    asm volatile("xrstor64 (%0)" : : "r"(&initial_state), "a"(low & ~kX87AndSse), "d"(high) : "memory");
  }
  asm volatile(OR_FAULT("fxrstor64 (%1)") : "=&r"(done) : "r"(memory) : "memory");
  return done != 0;
}

#undef OR_FAULT

}  // namespace mokapot::arch
