// SPDX-License-Identifier: Apache-2.0
//
// code_storm SECONDS: one thread replaces the first instructions of functions that others are calling, as HotSpot makes a
// method not entrant: a jump to itself first, then its last byte, then the whole jump, in words that processors fetch
// whole. Whoever calls meets the old function or the new one and nothing in between. Beside it, code that counts in its
// own page, and code that arrives by read(2) in a page whose other code runs.

#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { kCallers = 2, kFunctions = 2048, kFunctionBytes = 64, kPage = 4096 };
enum { kCounts = 5000, kOld = 1, kNew = 2 };

const char* check_prefix;
typedef int Function(void);

static uint8_t* code;           // kFunctions functions, then the replacement of them all
static uint8_t* counting_page;  // a function and its counter
static uint8_t* arriving_page;  // a function that runs, and one that is read anew
static atomic_int current;      // the function that the callers call
static atomic_int seen[kCallers];      // 1 + the last function that each has found replaced
static atomic_long calls[kCallers];
static atomic_int stop;

// mov %eax, -0x14000(%rsp); mov $kOld, %eax; ret
static const uint8_t kBody[] = {0x89, 0x84, 0x24, 0x00, 0xc0, 0xfe, 0xff, 0xb8, kOld, 0, 0, 0, 0xc3};
// mov $kNew, %eax; ret
static const uint8_t kReplacement[] = {0xb8, kNew, 0, 0, 0, 0xc3};
// lock incq 0xf8(%rip); ret: the counter is 0x100 bytes behind the function's beginning
static const uint8_t kCount[] = {0xf0, 0x48, 0xff, 0x05, 0xf8, 0, 0, 0, 0xc3};

#define fail(...) (say(__VA_ARGS__), _exit(1))

static uint8_t* function_at(int index) { return code + (size_t)index * kFunctionBytes; }
static int call(const void* function) { return ((Function*)(uintptr_t)function)(); }

static void write_functions(void) {
  for (int i = 0; i < kFunctions; i++) memcpy(function_at(i), kBody, sizeof(kBody));
  memcpy(function_at(kFunctions), kReplacement, sizeof(kReplacement));
}

static void on_fault(int number, siginfo_t* info, void* context) {
  static const char text[] = "a fault in code that was being replaced\n";
  if (write(2, text, sizeof(text) - 1) < 0) _exit(4);
  _exit(3);
}

static void* caller(void* argument) {
  int self = (int)(intptr_t)argument;
  while (!atomic_load(&stop)) {
    int index = atomic_load(&current);
    int result = call(function_at(index));
    if (result != kOld && result != kNew) fail("function %d returned %d", index, result);
    if (result == kNew) atomic_store(&seen[self], index + 1);
    atomic_fetch_add_explicit(&calls[self], 1, memory_order_relaxed);
  }
  return NULL;
}

static void* counter(void* unused) {
  for (int i = 0; i < kCounts; i++) call(counting_page);
  return NULL;
}

static void wait_for_calls(int how_many) {
  long before[kCallers];
  for (int i = 0; i < kCallers; i++) before[i] = atomic_load(&calls[i]);
  for (int i = 0; i < kCallers; i++)
    while (atomic_load(&calls[i]) < before[i] + how_many) sched_yield();
}

static void replace(uint8_t* entry) {
  int32_t distance = (int32_t)(function_at(kFunctions) - (entry + 5));
  uint8_t jump[8] = {0xe9};
  memcpy(jump + 1, &distance, sizeof(distance));
  static const uint8_t kStay[4] = {0xeb, 0xfe, 0xeb, 0xfe};
  uint32_t stay, first;
  memcpy(&stay, kStay, sizeof(stay));
  memcpy(&first, jump, sizeof(first));
  *(volatile uint32_t*)entry = stay;
  *(volatile uint8_t*)(entry + 4) = jump[4];
  *(volatile uint32_t*)entry = first;
}

static void wait_until_seen(int index) {
  for (int i = 0; i < kCallers; i++)
    while (atomic_load(&seen[i]) != index + 1) sched_yield();
}

// In a page whose own code runs, and from the kernel.
static void arrive(int pipe_in, int pipe_out) {
  if (write(pipe_in, kBody, sizeof(kBody)) != (ssize_t)sizeof(kBody)) fail("write to the pipe: %s", strerror(errno));
  uint8_t* target = arriving_page + kFunctionBytes;
  if (read(pipe_out, target, sizeof(kBody)) != (ssize_t)sizeof(kBody)) fail("read of code: %s", strerror(errno));
  if (call(target) != kOld || call(arriving_page) != kNew) fail("code that was read does not run");
}

static uint8_t* map_code(size_t size) {
  uint8_t* at = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("mmap: %s", strerror(errno));
  return at;
}

int main(int argc, char** argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 8;
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGILL, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  code = map_code((kFunctions + 1) * (size_t)kFunctionBytes);
  counting_page = map_code(kPage);
  arriving_page = map_code(kPage);
  memcpy(counting_page, kCount, sizeof(kCount));
  memcpy(arriving_page, kReplacement, sizeof(kReplacement));
  write_functions();
  int ends[2];
  if (pipe(ends) != 0) fail("pipe: %s", strerror(errno));

  pthread_t callers[kCallers], counters[2];
  for (int i = 0; i < 2; i++) pthread_create(&counters[i], NULL, counter, NULL);
  for (int i = 0; i < 2; i++) pthread_join(counters[i], NULL);
  long counted = *(volatile long*)(counting_page + 0x100);
  if (counted != 2 * kCounts) fail("code in one page with its counter counted %ld of %d", counted, 2 * kCounts);

  for (long i = 0; i < kCallers; i++) pthread_create(&callers[i], NULL, caller, (void*)i);
  struct timespec begin, now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  long replaced = 0;
  do {
    for (int i = 0; i < kFunctions; i++, replaced++) {
      atomic_store(&current, i);
      wait_for_calls(2);
      replace(function_at(i));
      wait_until_seen(i);
      if (i % 64 == 0) arrive(ends[1], ends[0]);
      clock_gettime(CLOCK_MONOTONIC, &now);
      if (now.tv_sec - begin.tv_sec >= seconds) break;
    }
    // Nobody calls what is written anew.
    atomic_store(&current, kFunctions);
    wait_for_calls(2);
    write_functions();
  } while (now.tv_sec - begin.tv_sec < seconds);
  atomic_store(&stop, 1);
  for (int i = 0; i < kCallers; i++) pthread_join(callers[i], NULL);
  printf("%ld functions replaced while they were called\nok\n", replaced);
  return 0;
}
