// SPDX-License-Identifier: Apache-2.0
//
// Tests that share one process: the VM runs one program a boot, and a boot costs more than most tests.
// Each test leaves the process as it found it.
#pragma once

#include "../check.h"

#include <stddef.h>
#include <stdint.h>

void suite_register(const char* file, int line, const char* name, void (*function)(void));

#define TEST(name)                                                              \
  static void test_##name(void);                                                \
  __attribute__((constructor)) static void register_##name(void) {              \
    suite_register(__FILE__, __LINE__, #name, test_##name);                     \
  }                                                                             \
  static void test_##name(void)

// A directory of the suite's own, made on first use and removed at the end.
const char* scratch_directory(void);
// "<scratch>/<name>"; up to four results are valid at a time.
const char* scratch(const char* name);

// What a caught fault looked like.
struct fault {
  int signal;        // 0: none
  int code;
  void* address;     // si_addr
  long trap, error;  // gregs[REG_TRAPNO], [REG_ERR]
  void* instruction; // gregs[REG_RIP]
};
// Calls function(argument) and catches SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP from it.
struct fault catch_fault(void (*function)(void*), void* argument);
const char* fault_name(struct fault fault);

// One read or write of a byte, as `function` of catch_fault.
void read_byte(void* address);
void write_byte(void* address);
void call_address(void* address);

int64_t now_ns(int clock);
void sleep_ms(int milliseconds);

// A thread that is started with `function(argument)` and joined by join_thread.
unsigned long start_thread(void* (*function)(void*), void* argument);
void* join_thread(unsigned long thread);
