// SPDX-License-Identifier: Apache-2.0
//
// Copying and clearing, and copies that may meet a bad application address.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mokapot::arch {

// Clear or copy one 4 KiB page; the method is chosen by measurement at boot.
void clear_page(void* page);
void copy_page(void* to, const void* from);

// Copies size bytes of which either side may fault: returns the bytes NOT copied (0 = all). The fault
// is resolved by lazy population where it can be; only a real error ends the copy early. Thread context,
// no spinlock held, interrupts on (the fault may sleep).
std::size_t copy_or_fault(void* to, const void* from, std::size_t size);
std::size_t clear_or_fault(void* to, std::size_t size);
// NUL-terminated copy of at most size bytes: returns the length without NUL, size if no NUL was seen,
// or -1 on a fault.
std::int64_t copy_string_or_fault(char* to, const char* from, std::size_t size);

// Atomic 32-bit operations on application memory for futexes; false on a fault.
bool load_u32_or_fault(const std::uint32_t* address, std::uint32_t& value);
bool compare_exchange_u32_or_fault(std::uint32_t* address, std::uint32_t& expected, std::uint32_t desired);

}  // namespace mokapot::arch
