// SPDX-License-Identifier: Apache-2.0
//
// C++ faces of memory_copy.S, and the look-up in its exception table.
#include "arch/memory_copy.h"

#include "arch/x64/exception_table.h"

extern "C" {
std::size_t arch_copy_or_fault(void* to, const void* from, std::size_t size);
std::size_t arch_clear_or_fault(void* to, std::size_t size);
std::int64_t arch_copy_string_or_fault(char* to, const char* from, std::size_t size);
bool arch_load_u32_or_fault(const std::uint32_t* address, std::uint32_t& value);
bool arch_compare_exchange_u32_or_fault(std::uint32_t* address, std::uint32_t& expected, std::uint32_t desired);
void arch_clear_page(void* page);
void arch_copy_page(void* to, const void* from);
}

namespace mokapot::arch {
namespace {

struct ExceptionEntry {
  std::int32_t instruction;   // offset from this field
  std::int32_t continuation;  // likewise
};
extern "C" const ExceptionEntry exception_table_start[];
extern "C" const ExceptionEntry exception_table_end[];

}  // namespace

VirtAddr exception_continuation(VirtAddr instruction) {
  // A few dozen entries, looked at only when a copy really fails or faults a page in.
  for (const ExceptionEntry* entry = exception_table_start; entry != exception_table_end; ++entry) {
    const VirtAddr address(VirtAddr(&entry->instruction).value() + static_cast<std::uint64_t>(std::int64_t{entry->instruction}));
    if (address != instruction) continue;
    return VirtAddr(VirtAddr(&entry->continuation).value() + static_cast<std::uint64_t>(std::int64_t{entry->continuation}));
  }
  return VirtAddr();
}

std::size_t copy_or_fault(void* to, const void* from, std::size_t size) { return arch_copy_or_fault(to, from, size); }
std::size_t clear_or_fault(void* to, std::size_t size) { return arch_clear_or_fault(to, size); }
std::int64_t copy_string_or_fault(char* to, const char* from, std::size_t size) {
  return arch_copy_string_or_fault(to, from, size);
}
bool load_u32_or_fault(const std::uint32_t* address, std::uint32_t& value) {
  return arch_load_u32_or_fault(address, value);
}
bool compare_exchange_u32_or_fault(std::uint32_t* address, std::uint32_t& expected, std::uint32_t desired) {
  return arch_compare_exchange_u32_or_fault(address, expected, desired);
}
void clear_page(void* page) { arch_clear_page(page); }
void copy_page(void* to, const void* from) { arch_copy_page(to, from); }

}  // namespace mokapot::arch
