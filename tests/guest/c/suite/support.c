// SPDX-License-Identifier: Apache-2.0
//
// What several families of tests need: catching faults, time, threads.

#include "suite.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
enum { kFaultSignals = sizeof fault_signals / sizeof *fault_signals };

static __thread sigjmp_buf fault_return;
static __thread struct fault caught;

static void on_fault(int number, siginfo_t* info, void* context) {
  const greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  caught = (struct fault){number, info->si_code, info->si_addr, registers[REG_TRAPNO],
                          registers[REG_ERR], (void*)registers[REG_RIP]};
  siglongjmp(fault_return, 1);
}

struct fault catch_fault(void (*function)(void*), void* argument) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old[kFaultSignals];
  for (int i = 0; i < kFaultSignals; ++i) sigaction(fault_signals[i], &action, &old[i]);
  memset(&caught, 0, sizeof caught);
  if (sigsetjmp(fault_return, 1) == 0) function(argument);
  for (int i = 0; i < kFaultSignals; ++i) sigaction(fault_signals[i], &old[i], NULL);
  return caught;
}

const char* fault_name(struct fault fault) {
  static __thread char text[48];
  static const char* const segv[] = {"", "SEGV_MAPERR", "SEGV_ACCERR"};
  static const char* const bus[] = {"", "BUS_ADRALN", "BUS_ADRERR"};
  switch (fault.signal) {
    case 0: return "no fault";
    case SIGSEGV: if (fault.code == 1 || fault.code == 2) return segv[fault.code]; break;
    case SIGBUS: if (fault.code == 1 || fault.code == 2) return bus[fault.code]; break;
  }
  snprintf(text, sizeof text, "signal %d code %d", fault.signal, fault.code);
  return text;
}

__attribute__((noinline)) void read_byte(void* address) { *(volatile char*)address; }
__attribute__((noinline)) void write_byte(void* address) { *(volatile char*)address = 1; }
__attribute__((noinline)) void call_address(void* address) { ((void (*)(void))address)(); }

int64_t now_ns(int clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void sleep_ms(int milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  while (nanosleep(&time, &time) != 0) {
  }
}

unsigned long start_thread(void* (*function)(void*), void* argument) {
  pthread_t thread = 0;
  int error = pthread_create(&thread, NULL, function, argument);
  if (error != 0) say("FAILED pthread_create: %s", check_errno_name(error));
  return thread;
}

void* join_thread(unsigned long thread) {
  void* value = NULL;
  pthread_join(thread, &value);
  return value;
}
