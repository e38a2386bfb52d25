// SPDX-License-Identifier: Apache-2.0
//
// What lwIP asks of a compiler and a machine, in C: lwIP's own files and the port's include it. The functions are
// in lwip_port/platform.cc.
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Any context but NMI.
uint32_t mokapot_lwip_random(void);
// lwIP's assertions are invariants of its own structures, so they stop the kernel as ASSERT does.
__attribute__((noreturn)) void mokapot_lwip_assertion_failed(const char* what, const char* file, int line);
__attribute__((format(printf, 1, 2))) void mokapot_lwip_diagnostic(const char* format, ...);
void* mokapot_lwip_allocate(size_t size);
void* mokapot_lwip_allocate_zeroed(size_t count, size_t size);
void mokapot_lwip_free(void* memory);
uint16_t mokapot_lwip_checksum(const void* bytes, int size);
// Panics unless the caller holds the core lock.
void mokapot_lwip_assert_core_locked(void);

#ifdef __cplusplus
}
#endif

// Without it, arch.h thinks that there is no ssize_t.
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_RAND() mokapot_lwip_random()
#define LWIP_PLATFORM_ASSERT(what) mokapot_lwip_assertion_failed(what, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(arguments) mokapot_lwip_diagnostic arguments
#define LWIP_ASSERT_CORE_LOCKED() mokapot_lwip_assert_core_locked()

// Reference counts of buffers change without the core lock: readers of sockets and devices drop theirs
// outside it. Everything else of lwIP's runs under the lock, so its short critical sections are empty.
#define SYS_ARCH_INC(variable, value) ((void)__atomic_fetch_add(&(variable), value, __ATOMIC_RELAXED))
#define SYS_ARCH_DEC(variable, value) ((void)__atomic_fetch_sub(&(variable), value, __ATOMIC_RELEASE))
// The new count. Acquire-release: whoever frees sees what the others did with the buffer.
#define LWIP_PBUF_DROP_REFERENCE(count) __atomic_sub_fetch(&(count), 1, __ATOMIC_ACQ_REL)

// One instruction each, where lwIP's own are functions in another file.
#define lwip_htons(value) __builtin_bswap16(value)
#define lwip_htonl(value) __builtin_bswap32(value)

#define LWIP_CHKSUM mokapot_lwip_checksum

#define mem_clib_malloc mokapot_lwip_allocate
#define mem_clib_calloc mokapot_lwip_allocate_zeroed
#define mem_clib_free mokapot_lwip_free
