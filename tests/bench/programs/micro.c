// SPDX-License-Identifier: Apache-2.0
//
// What single services of the kernel cost: a trivial system call, the first touch of memory, a
// signal for a fault, a hand-over between two CPUs, a thread. One static binary for both guests.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "figure.h"

enum { kBatches = 5 };

// --- A trivial system call ----------------------------------------------------------------------
// getppid through syscall(2): nothing in the C library answers it, and the kernel does next to nothing.
static void measure_system_call(void) {
  enum { kCalls = 100000 };
  double batches[kBatches];
  for (int batch = 0; batch < kBatches; ++batch) {
    const double start = now_seconds();
    for (int call = 0; call < kCalls; ++call) syscall(SYS_getppid);
    batches[batch] = (now_seconds() - start) / kCalls;
  }
  say_figure("syscall", median(batches, kBatches));
}

// --- First touch --------------------------------------------------------------------------------
// One byte in each 4 KiB page of 256 MiB. The first round also pays for what the host does when QEMU's
// own memory is touched for the first time; that is the host's time and the same for both guests, so it
// is a figure of its own, and the guest's is the median of the rounds after it.
static double touch(size_t bytes, int advice) {
  char* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "mmap");
  if (advice >= 0) require(madvise(memory, bytes, advice) == 0, "madvise");
  const double start = now_seconds();
  for (size_t at = 0; at < bytes; at += 4096) *(volatile char*)(memory + at) = 1;
  const double taken = now_seconds() - start;
  require(munmap(memory, bytes) == 0, "munmap");
  return taken;
}

static void measure_first_touch(const char* warm_name, const char* cold_name, int advice) {
  const size_t kBytes = (size_t)256 << 20;
  say_figure(cold_name, touch(kBytes, advice));
  double batches[kBatches];
  for (int batch = 0; batch < kBatches; ++batch) batches[batch] = touch(kBytes, advice);
  say_figure(warm_name, median(batches, kBatches));
}

// --- SIGSEGV round trip -------------------------------------------------------------------------
// As a JVM uses it: the handler changes the program counter in the saved context and returns.
extern char faulting_load_end[];

static void skip_load(int number, siginfo_t* information, void* context) {
  (void)number, (void)information;
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)(unsigned long)faulting_load_end;
}

// The label exists once.
__attribute__((noinline, noclone)) static void load_from_null(void) {
  __asm__ volatile(
      "xor %%eax, %%eax\n\t"
      "mov (%%rax), %%rax\n"
      ".globl faulting_load_end\n"
      "faulting_load_end:"
      :
      :
      : "rax", "memory", "cc");
}

static void measure_fault_signal(void) {
  enum { kFaults = 5000 };
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = skip_load;
  action.sa_flags = SA_SIGINFO;
  require(sigaction(SIGSEGV, &action, NULL) == 0, "sigaction");
  double batches[kBatches];
  for (int batch = 0; batch < kBatches; ++batch) {
    const double start = now_seconds();
    for (int fault = 0; fault < kFaults; ++fault) load_from_null();
    batches[batch] = (now_seconds() - start) / kFaults;
  }
  signal(SIGSEGV, SIG_DFL);
  say_figure("sigsegv", median(batches, kBatches));
}

// --- Futex ping-pong ----------------------------------------------------------------------------
// Two threads, one on each CPU, wake each other in turn; a figure is one round trip.
enum { kRoundTrips = 2000 };
static _Atomic int turn;

static void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  require(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

static void hand_over(int mine, int other) {
  while (atomic_load(&turn) != mine)
    syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, other, NULL, NULL, 0);
  atomic_store(&turn, other);
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void* answer(void* unused) {
  (void)unused;
  pin_to(1);
  for (int trip = 0; trip < kRoundTrips * kBatches; ++trip) hand_over(1, 0);
  return NULL;
}

static void measure_futex(void) {
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) return;
  double batches[kBatches];
  pthread_t partner;
  cpu_set_t before;
  require(sched_getaffinity(0, sizeof before, &before) == 0, "sched_getaffinity");
  pin_to(0);
  atomic_store(&turn, 0);
  require(pthread_create(&partner, NULL, answer, NULL) == 0, "pthread_create");
  for (int batch = 0; batch < kBatches; ++batch) {
    const double start = now_seconds();
    for (int trip = 0; trip < kRoundTrips; ++trip) hand_over(0, 1);
    batches[batch] = (now_seconds() - start) / kRoundTrips;
  }
  pthread_join(partner, NULL);
  sched_setaffinity(0, sizeof before, &before);
  say_figure("futex", median(batches, kBatches));
}

// --- A thread -----------------------------------------------------------------------------------
static void* end_at_once(void* argument) { return argument; }

static void measure_thread(void) {
  enum { kThreads = 500 };
  double batches[kBatches];
  for (int batch = 0; batch < kBatches; ++batch) {
    const double start = now_seconds();
    for (int count = 0; count < kThreads; ++count) {
      pthread_t thread;
      require(pthread_create(&thread, NULL, end_at_once, NULL) == 0, "pthread_create");
      pthread_join(thread, NULL);
    }
    batches[batch] = (now_seconds() - start) / kThreads;
  }
  say_figure("thread", median(batches, kBatches));
}

// --- Idle ---------------------------------------------------------------------------------------
// The harness reads QEMU's processor time at both lines: whatever polls before it halts shows here.
static void stay_idle(void) {
  enum { kSeconds = 3 };
  puts("idle begins");
  fflush(stdout);
  sleep(kSeconds);
  puts("idle ends");
  fflush(stdout);
}

int main(void) {
  puts("begins");
  fflush(stdout);
  measure_system_call();
  measure_first_touch("touch-4k", "touch-4k-cold", MADV_NOHUGEPAGE);
  measure_first_touch("touch-default", "touch-default-cold", -1);
  measure_fault_signal();
  measure_futex();
  measure_thread();
  stay_idle();
  puts("done");
  return 0;
}
