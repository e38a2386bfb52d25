// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "arch/boot.h"

namespace mokapot::arch {
namespace {

extern "C" const std::uint8_t processor_start_begin[], processor_start_end[];
extern "C" const std::uint32_t processor_start_offsets[6];
extern "C" void processor_start_high();
extern "C" const char boot_cpu_stack_bottom[], boot_cpu_stack_top[];

void store32(std::uint8_t* page, std::uint32_t offset, std::uint64_t value) {
  const auto word = static_cast<std::uint32_t>(value);
  std::memcpy(page + offset, &word, sizeof(word));
}

}  // namespace

VirtAddr boot_stack_bottom() { return VirtAddr(boot_cpu_stack_bottom); }
VirtAddr boot_stack_top() { return VirtAddr(boot_cpu_stack_top); }

// SAFETY: root maps this code and the stack in use.
void load_page_table_root(PhysAddr root) { asm volatile("movq %0, %%cr3" : : "r"(root.value()) : "memory"); }

void prepare_processor_start(void* start_page_memory, PhysAddr start_page, const ProcessorStart& start) {
  auto* page = static_cast<std::uint8_t*>(start_page_memory);
  std::memcpy(page, processor_start_begin, static_cast<std::size_t>(processor_start_end - processor_start_begin));
  const auto& [gdt, gdt_address, boot_root, long_mode_pointer, long_mode, parameters] =
      reinterpret_cast<const std::uint32_t(&)[6]>(processor_start_offsets);
  constexpr std::uint64_t kBootRoot = 0x201000;  // boot_pml4: the stub asserts that it lies there
  store32(page, gdt_address, start_page.value() + gdt);
  store32(page, boot_root, kBootRoot);
  store32(page, long_mode_pointer, start_page.value() + long_mode);
  const std::uint64_t values[5] = {VirtAddr(reinterpret_cast<const void*>(&processor_start_high)).value(), start.root.value(),
                                   start.stack_top.value(),
                                   VirtAddr(reinterpret_cast<const void*>(start.entry)).value(), start.argument};
  std::memcpy(page + parameters, values, sizeof(values));
}

}  // namespace mokapot::arch
